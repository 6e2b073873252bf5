"""Check that AWS can be used before a command builds or changes something: the region, the network, the credentials.

With `--deployed`, the stack must exist too. The command prints the region and the profile as options of `sam`.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence

from tools.stack import StackLocation, locate_stack, run_command, stack_outputs


def sam_options(stack: StackLocation) -> list[str]:
    """Return the options of the SAM command line for the region and the profile. Raises an error of AWS."""
    client = stack.client("sts")
    client.get_caller_identity()
    return [
        *("--region", client.meta.region_name),
        *(("--profile", stack.profile) if stack.profile else ()),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(prog="account", description="Check the access to AWS")
    parser.add_argument("--stack", default="retouch", help="the stack; %(default)s")
    parser.add_argument("--region", default="", help="the region of the deployment")
    parser.add_argument("--deployed", action="store_true", help="the stack must exist")
    options = parser.parse_args(arguments)
    return run_command(
        lambda: _print_options(locate_stack(options.stack, options.region), options.deployed)
    )


def _print_options(stack: StackLocation, must_exist: bool) -> int:
    options = sam_options(stack)
    if must_exist:
        stack_outputs(stack)
    print(shlex.join(options))
    return 0


if __name__ == "__main__":
    sys.exit(main())
