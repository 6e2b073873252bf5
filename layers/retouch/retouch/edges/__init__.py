"""The rooms that touch the world: sockets, AWS, metrics.

Beside them only `runtime` speaks to Lambda, `clock` knows the time, and `command` reads and writes files.
"""
