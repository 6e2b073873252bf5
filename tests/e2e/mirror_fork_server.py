"""Fork one process for each event on standard input, and run the mirror function in it as Lambda would.

An input line is {"event", "left"}, with the remaining time in milliseconds. The output is the process id of the child,
and its exit status after it has ended. All imports happen before the fork, so that a child starts to work at once.
"""

import json
import os
import sys
from types import SimpleNamespace

import app


def run_child(command):
    """Run the function and exit without cleanup, because buffers and exit handlers belong to the parent."""
    context = SimpleNamespace(
        aws_request_id="kill",
        function_name="mirror",
        memory_limit_in_mb=1024,
        invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:mirror",
        get_remaining_time_in_millis=lambda: command["left"],
    )
    response = app.handler(command["event"], context)
    is_complete = all(item["error"] is None for item in response["data"])
    os._exit(0 if is_complete else 7)


def write_line(value):
    assert sys.__stderr__ is not None
    sys.__stderr__.write(f"{value}\n")
    sys.__stderr__.flush()


def main():
    app.store.client.meta.region_name  # noqa: B018 - creates the client before the fork
    write_line("ready")
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            try:
                run_child(json.loads(line))
            finally:
                os._exit(8)
        write_line(pid)
        write_line(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


if __name__ == "__main__":
    main()
