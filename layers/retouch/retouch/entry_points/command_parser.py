"""The parsers of the commands of `retouch`."""

from __future__ import annotations

import argparse
from typing import Any


def add_command(commands: Any, name: str, text: str, examples: str) -> argparse.ArgumentParser:
    """Add a command whose help begins with the text and ends with the examples, and return its parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=text,
        description=f"{text}.",
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return parser
