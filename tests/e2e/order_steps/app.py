"""The edits function of the tests of crashes: its process kills itself at the step that a file names for an order."""

import importlib.util
import os
import signal
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
STEPS = Path(os.environ["ORDER_STEPS"])


def load_edits_function():
    spec = importlib.util.spec_from_file_location("edits_app", ROOT / "functions/edits/app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def die_at(step, key):
    """End this process as a crash does, once, if the file of the order names the step."""
    file = STEPS / key
    if file.exists() and file.read_text() == step:
        file.unlink()
        os.kill(os.getpid(), signal.SIGKILL)


app = load_edits_function()
table, answers = app.services.orders.table, app.services.orders.answers
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
handler = app.handler
