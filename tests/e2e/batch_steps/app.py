"""The worker function of the tests of batches: its process kills itself at the steps that files name, once for each."""

import os
import random
import signal
from pathlib import Path

from retouch.api.handlers.edits_queue import build_handler
from retouch.entry_points.edit_function import build_function

KILLS = Path(os.environ["BATCH_KILLS"])
# The steps of a batch are few, and those of its lines are many, of which some are chosen.
PROBABILITIES = {"batch": 1.0, "line": 0.2}


def die_at(kind, step):
    """End this process as a crash does, if a file asks for it."""
    for file in KILLS.glob(f"{kind} {step}.*"):
        if random.random() > PROBABILITIES[kind]:
            return
        try:
            file.rename(KILLS / f"done {file.name}")
        except FileNotFoundError:  # another process has died for it
            continue
        os.kill(os.getpid(), signal.SIGKILL)


def die_around(kind, name, call):
    """Return a function that may end the process before and after a call."""

    def run(*args, **options):
        step = name(args[0]) if callable(name) else name
        die_at(kind, f"before {step}")
        result = call(*args, **options)
        die_at(kind, f"after {step}")
        return result

    return run


def build_crashing_handler(services, start_prefetch, telemetry):
    """Return the handler of the worker, whose stores end the process at the named steps."""
    table, answers = services.orders.table, services.orders.answers
    table.write = die_around("line", lambda order: order.state, table.write)
    answers.put = die_around("line", "answer", answers.put)
    batches = services.load_batches()
    batches.rows.write = die_around("batch", row_step, batches.rows.write)
    batches.contents.put = die_around("batch", "file", batches.contents.put)
    batches.lines.send_all = die_around("batch", "lines", batches.lines.send_all)
    batches.steps.send = die_around("batch", "step", batches.steps.send)
    return build_handler(services, start_prefetch, telemetry)


def row_step(row):
    """Return the name of the step that writes a row."""
    if not row.id.startswith("batch_"):
        return "record"
    return str(row.values["status"])


handler = build_function(build_crashing_handler, os.environ)
