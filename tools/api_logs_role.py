"""Print the parameter ApiLogsRole for a first deployment: `keep` or `create`.

An account has one role per region with which all its APIs write logs. A stack that creates the role replaces an
existing one, so only an account without a role gets `create`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from tools.stack import StackLocation, locate_stack, run_command


def needed_parameter(stack: StackLocation) -> str:
    """Return `keep` if the account has a role for the logs of API Gateway in the region, else `create`."""
    account = stack.client("apigateway").get_account()
    return "keep" if account.get("cloudwatchRoleArn") else "create"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(prog="api_logs_role", description="The role for API logs")
    parser.add_argument("--stack", default="retouch", help="the stack; %(default)s")
    parser.add_argument("--region", default="", help="the region of the deployment")
    options = parser.parse_args(arguments)
    return run_command(lambda: _print_parameter(locate_stack(options.stack, options.region)))


def _print_parameter(stack: StackLocation) -> int:
    print(needed_parameter(stack))
    return 0


if __name__ == "__main__":
    sys.exit(main())
