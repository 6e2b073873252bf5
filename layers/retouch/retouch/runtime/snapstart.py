"""SnapStart: hooks around the moment in which a started process is frozen and copied."""

from __future__ import annotations

import os
import sys


def is_on() -> bool:
    """Whether this process is being started in order to be copied."""
    return os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start"


def before_snapshot() -> None:
    """Run what the handler registered, last registered first."""
    hooks = sys.modules.get("snapshot_restore_py")
    for call, args, kwargs in reversed(hooks.get_before_snapshot() if hooks else []):
        call(*args, **kwargs)


def after_restore() -> None:
    """Run what the handler registered, first registered first."""
    hooks = sys.modules.get("snapshot_restore_py")
    for call, args, kwargs in hooks.get_after_restore() if hooks else []:
        call(*args, **kwargs)
