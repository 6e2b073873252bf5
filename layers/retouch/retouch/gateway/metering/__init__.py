"""The usage events of edits, written when an attempt ends."""
