"""The worker function of the tests of crashes: its process ends at the step that a file names for an order."""

import os

from retouch.api.handlers.edits_queue import build_handler
from retouch.entry_points.edit_function import build_function
from tests.support.crash_steps import CrashingSteps, set_clock


def build_crashing_handler(services, start_prefetch, telemetry):
    """Return the handler of the worker function, whose services end the process at the named steps."""
    CrashingSteps().add_to(services)
    return build_handler(services, start_prefetch, telemetry)


if os.environ.get("CRASH_CLOCKS"):
    set_clock()
handler = build_function(build_crashing_handler, os.environ)
