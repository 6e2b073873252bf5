"""Forks one process for each event on standard input and runs the mirror function in it, as Lambda would.

A line is {"event", "left"} (left in milliseconds); the answer is the child's process id, and once it has ended
its status. Everything is imported before, so that a child begins to work at once.
"""

import json
import os
import sys
from types import SimpleNamespace

import app


def child(order):
    """Work, and leave without ceremony: what is buffered or registered belongs to the parent."""
    context = SimpleNamespace(
        aws_request_id="kill",
        function_name="mirror",
        memory_limit_in_mb=1024,
        invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:mirror",
        get_remaining_time_in_millis=lambda: order["left"],
    )
    answer = app.handler(order["event"], context)
    whole = all(item["error"] is None for item in answer["data"])
    os._exit(0 if whole else 7)


def say(what):
    sys.__stderr__.write(f"{what}\n")
    sys.__stderr__.flush()


def main():
    app.store.client.meta.region_name  # noqa: B018 - a child does not make its own
    say("ready")
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            try:
                child(json.loads(line))
            finally:
                os._exit(8)
        say(pid)
        say(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


if __name__ == "__main__":
    main()
