"""The rooms that touch the world: sockets, AWS, metrics.

`door` and what stands beside it answer events for the edits, `mirror` for the mirror; `upstream` leads to providers,
`fetch` to URLs that somebody else chose, `aws` to the bucket, secrets and tables. Beside them only `runtime` speaks to
Lambda, `clock` knows the time, and `command` reads and writes files.
"""
