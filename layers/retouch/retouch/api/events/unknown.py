"""The error for an event of an unknown format."""


class UnknownEvent(ValueError):
    """The error for an event of an unknown format.

    It fails the invocation. A return value would mean success, and the sender would delete the event unread.
    """
