"""Profile workers. Python imports this module automatically when this folder is on PYTHONPATH."""

import cProfile
import os
import signal
import sys
from types import FrameType


def start_profile(path: str) -> None:
    """Start the profile, and write it when the server sends SIGTERM."""
    profile = cProfile.Profile()

    def write_profile(_signal: int, _frame: FrameType | None) -> None:
        profile.disable()
        profile.dump_stats(path)
        os._exit(0)

    signal.signal(signal.SIGTERM, write_profile)
    profile.enable()


if "retouch.infrastructure.lambda_runtime" in sys.orig_argv:
    start_profile(os.environ["BENCH_PROFILE"])
