"""The only rooms that touch the world: sockets, S3, logs, clocks."""
