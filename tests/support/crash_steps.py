"""Crashes of a function at named steps: its process kills or stops itself, once for each order that a file names.

The name of the file is the key of the order, and its text is the step: "after sent", or "stop before answer". A file
with several lines has a step for each process that works on the order.
"""

import os
import signal
import time
from pathlib import Path

from retouch.core.clock import SystemClock

FOLDER = Path(os.environ.get("CRASH_STEPS", "."))


class CrashingSteps:
    """The steps of the orders of one process, which works on one order at a time."""

    def __init__(self):
        self._key = ""

    def add_to(self, services):
        """Let the process end at the steps of the services."""
        table, answers = services.orders.table, services.orders.answers
        write, put, send = table.write, answers.put, services.send

        def write_or_die(order, replaces):
            self._key = order.key
            self._die_at(f"before {order.state}")
            written = write(order, replaces)
            self._die_at(f"after {order.state}")
            return written

        def put_or_die(order_id, answer):
            self._die_at("before answer")
            stored = put(order_id, answer)
            self._die_at("after answer")
            return stored

        def send_or_die(*args, **kwargs):
            self._die_at("before call")
            response = send(*args, **kwargs)
            self._die_at("after call")
            return response

        table.write, answers.put, services.send = write_or_die, put_or_die, send_or_die

    def _die_at(self, step):
        file = FOLDER / self._key
        try:
            text = file.read_text()
        except OSError:
            return
        first, _, others = text.partition("\n")
        if first == step:
            file.write_text(others) if others else file.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        if text == f"stop {step}":
            file.write_text(str(os.getpid()))
            os.kill(os.getpid(), signal.SIGSTOP)
            time.sleep(0.5)  # this thread may run on until the signal has reached it


def set_clock():
    """Let the clock of this process differ by the next of the seconds in CRASH_CLOCKS."""
    offsets = [int(text) for text in os.environ.get("CRASH_CLOCKS", "0").split(",")]
    number = 0
    while not _is_first(FOLDER / f"clock-{number}"):
        number += 1
    offset = offsets[number % len(offsets)]
    setattr(SystemClock, "unix_time", lambda _: int(time.time()) + offset)  # noqa: B010


def _is_first(file):
    try:
        file.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True
