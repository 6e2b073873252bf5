"""The edits function of the tests of crashes: its process kills itself at the step that a file names for an order."""

import os
import signal
from pathlib import Path

from retouch.api.handlers.edits import build_handler
from retouch.edit_function import build_function

STEPS = Path(os.environ["ORDER_STEPS"])


def die_at(step, key):
    """End this process as a crash does, once, if the file of the order names the step."""
    file = STEPS / key
    if file.exists() and file.read_text() == step:
        file.unlink()
        os.kill(os.getpid(), signal.SIGKILL)


def build_crashing_handler(services, start_prefetch, telemetry):
    """Return the handler of the edits function, whose order stores end the process at the named steps."""
    table, answers = services.orders.table, services.orders.answers
    write, put = table.write, answers.put

    def write_or_die(order, replaces):
        die_at(f"before {order.state}", order.key)
        written = write(order, replaces)
        die_at(f"after {order.state}", order.key)
        return written

    def put_or_die(order_id, answer):
        die_at("before answer", order_id[-26:])
        stored = put(order_id, answer)
        die_at("after answer", order_id[-26:])
        return stored

    table.write, answers.put = write_or_die, put_or_die
    return build_handler(services, start_prefetch, telemetry)


handler = build_function(build_crashing_handler, os.environ)
