"""Warnings at the start about variables of the environment that the server does not read."""

from __future__ import annotations

import difflib
import re
import socket
from collections.abc import Iterator, Mapping
from ipaddress import ip_address

from devserver.settings import REPOSITORY

_PREFIX = "RETOUCH_"
_CLIENT_VARIABLES = {"RETOUCH_KEY", "RETOUCH_URL"}  # of `retouch quota` and `retouch usage`


def environment_warnings(env: Mapping[str, str], host_name: str | None = None) -> Iterator[str]:
    """Yield a warning for each variable with an effect that its author expects and that it does not have.

    The values are not repeated, except for that of HOST: they may be secrets.
    """
    known = documented_variables()
    for name in sorted(env):
        if name.startswith(_PREFIX) and name not in known:
            # The prefix, which all have, would make every name similar.
            endings = [each.removeprefix(_PREFIX) for each in known]
            close = difflib.get_close_matches(name.removeprefix(_PREFIX), endings, n=1)
            hint = (
                f"Did you mean {_PREFIX}{close[0]}?"
                if close
                else "docs/configuration.md lists them."
            )
            yield f"warning: Retouch reads no variable {name!r}. {hint}"
    host = env.get("HOST", "")
    # Some shells set HOST to the name of the machine.
    own_names = ("", "localhost", socket.gethostname() if host_name is None else host_name)
    if host not in own_names and not _is_address(host):
        yield (
            f"warning: HOST is {host[:80]!r}, which is not an IP address, so it is ignored. Leave HOST out, or set "
            "HOST=0.0.0.0 for all addresses of this machine."
        )


def documented_variables() -> set[str]:
    """Return the variables with the prefix of the gateway that somebody may set."""
    page = (REPOSITORY / "docs" / "configuration.md").read_text()
    return {*re.findall(rf"\b{_PREFIX}[A-Z0-9_]+", page), *_CLIENT_VARIABLES}


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
