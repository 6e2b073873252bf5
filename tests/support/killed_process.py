"""The end of a process in a test."""


class ProcessKilled(BaseException):
    """The process has ended here. Nothing in the code catches it, because it is no Exception."""
