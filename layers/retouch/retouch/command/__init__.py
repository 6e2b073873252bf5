"""What a person can do in a terminal. No request comes through here, so files may be read and written."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from retouch.command import masks


def run(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0 done, 1 refused, 2 not understood (argparse leaves then)."""
    parser = argparse.ArgumentParser(
        prog="retouch", description="Image edits, seen from a terminal"
    )
    commands = parser.add_subparsers(dest="command", required=True)
    masks.declare(commands.add_parser("mask", help=masks.HELP, description=masks.HELP))
    return masks.main(parser.parse_args(arguments))
