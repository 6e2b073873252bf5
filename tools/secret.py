"""Write one variable, such as a provider key, into the secret of a stack.

    make secret NAME=OPENAI_API_KEY              # asks for the value
    make secret NAME=OPENAI_API_KEY < key.txt    # reads it
    OPENAI_API_KEY=sk-... make secret NAME=OPENAI_API_KEY

The value is never an argument, because all users of a machine can see arguments, and it is never printed. The gateway
reads the secret again within five minutes.
"""

from __future__ import annotations

import argparse
import difflib
import getpass
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tools.stack import (
    ROOT,
    CommandError,
    StackLocation,
    locate_stack,
    run_command,
    stack_outputs,
)

PEPPER_VARIABLE = "RETOUCH_PEPPER"
_MAX_SECRET_BYTES = 65_536  # the limit of Secrets Manager for one secret


@dataclass(frozen=True)
class SecretObject:
    """A secret that is one JSON object."""

    client: Any
    secret_id: str

    def read(self) -> dict[str, Any]:
        """Return the object. Raises CommandError when the secret is not a JSON object."""
        text = self.client.get_secret_value(SecretId=self.secret_id)["SecretString"]
        try:
            values = json.loads(text)
        except ValueError:
            values = None
        if not isinstance(values, dict):
            raise CommandError("The secret is not a JSON object.")
        return values

    def write(self, values: Mapping[str, Any]) -> None:
        """Replace the object. Raises CommandError when it is too large for a secret."""
        text = json.dumps(values)
        if len(text.encode()) > _MAX_SECRET_BYTES:
            raise CommandError(
                f"The secret would be larger than {_MAX_SECRET_BYTES:,} bytes. Remove a variable."
            )
        self.client.put_secret_value(SecretId=self.secret_id, SecretString=text)


def documented_variables() -> set[str]:
    """Return the variables that docs/configuration.md describes for providers, and the virtual keys."""
    page = (ROOT / "docs" / "configuration.md").read_text()
    rows = re.findall(r"^\|(.*?)\|", page, re.MULTILINE)
    rows += re.findall(
        r"^\| [^`|]* \| (.*) \|$", page, re.MULTILINE
    )  # the table of other providers
    names = {name for row in rows for name in re.findall(r"`([A-Z][A-Z0-9_]+)`", row)}
    return {name for name in names if not name.startswith("RETOUCH_")} | {"RETOUCH_VIRTUAL_KEYS"}


def validate_name(name: str) -> str:
    """Return the name. Raises CommandError when the gateway reads no such variable from a secret."""
    if name == PEPPER_VARIABLE:
        raise CommandError(f"{name} must not change: all gateway keys and links would end.")
    if not name:
        raise CommandError("Name the variable: make secret NAME=OPENAI_API_KEY")
    known = documented_variables()
    if name not in known:
        close = difflib.get_close_matches(name.upper(), known, n=1)
        hint = f"Did you mean {close[0]}?" if close else "docs/configuration.md lists them."
        raise CommandError(f"Retouch reads no variable '{name[:80]}' from a secret. {hint}")
    return name


def read_value(name: str, environment: Mapping[str, str]) -> str:
    """Return the value from a redirected input, else from the variable of that name, else from a prompt.

    Raises CommandError when it is empty.
    """
    piped = "" if sys.stdin.isatty() else sys.stdin.read()
    value = (piped.strip() or environment.get(name, "").strip()) or (
        _ask(name) if sys.stdin.isatty() else ""
    )
    if not value:
        raise CommandError(f"The value of {name} is empty; nothing was written.")
    return value


def _ask(name: str) -> str:
    return getpass.getpass(f"Value of {name} (it is not shown): ").strip()


def write_variable(stack: StackLocation, name: str, value: str | None) -> str:
    """Write one variable of the stack's secret, or remove it if `value` is None. Return what happened.

    Provider keys that version 0.2 stored beside the pepper move into the secret for provider keys, which the mirror
    cannot read. Raises CommandError when the stack has no secret, or no variable to remove.
    """
    outputs = stack_outputs(stack)
    secret_id, pepper_id = outputs.get("SecretArn", ""), outputs.get("PepperSecretArn", "")
    if not secret_id:
        raise CommandError(f"The stack '{stack.name}' has no output 'SecretArn'; deploy it again.")
    client = stack.client("secretsmanager")
    provider_keys = SecretObject(client, secret_id)
    values = provider_keys.read()
    pepper = SecretObject(client, pepper_id) if pepper_id else None
    beside_pepper = _variables_beside_pepper(pepper) if pepper else {}
    values = {**beside_pepper, **values}
    if value is None and name not in values:
        raise CommandError(f"The secret has no variable {name}; nothing was removed.")
    values.pop(name, None)
    provider_keys.write(values if value is None else {**values, name: value})
    if pepper and beside_pepper:
        pepper.write({PEPPER_VARIABLE: pepper.read()[PEPPER_VARIABLE]})
    return "Removed" if value is None else "Wrote"


def _variables_beside_pepper(pepper: SecretObject) -> dict[str, Any]:
    values = pepper.read()
    if not values.pop(PEPPER_VARIABLE, None):
        raise CommandError(f"The secret of the pepper has no {PEPPER_VARIABLE}.")
    return values


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(prog="secret", description="One variable of the secret")
    parser.add_argument("--stack", default="retouch", help="the stack; %(default)s")
    parser.add_argument("--region", default="", help="the region, instead of the deployment's")
    parser.add_argument("--remove", action="store_true", help="remove the variable")
    parser.add_argument("name", help="the name of the variable, such as OPENAI_API_KEY")
    options = parser.parse_args(arguments)
    return run_command(lambda: _run_action(options))


def _run_action(options: argparse.Namespace) -> int:
    name = validate_name(options.name)
    value = None if options.remove else read_value(name, os.environ)
    stack = locate_stack(options.stack, options.region)
    done = write_variable(stack, name, value)
    print(f"{done} {name}. The gateway uses the change within five minutes.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
