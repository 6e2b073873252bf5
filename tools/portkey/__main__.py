"""Runs the suite; the status is 1 where a row does not hold."""

import sys
from argparse import ArgumentParser
from collections.abc import Callable

from tests.support.upstream import Upstream
from tools.portkey import page
from tools.portkey.asking import Seen, ask, complaints
from tools.portkey.gateways import ask_portkey, portkeys, retouch
from tools.portkey.row import GOOD, Expect, Row
from tools.portkey.rows import ROWS

Ask = Callable[[Row, str, Upstream], Seen]


def told(name: str, asking: Ask, expect: Callable[[Row], Expect], url: str, up: Upstream) -> int:
    """Print what is wrong with each row; the number of rows with something wrong."""
    wrong = 0
    for row in ROWS:
        found = list(complaints(expect(row), asking(row, url, up)))
        wrong += bool(found)
        for line in found:
            print(f"{name}: {row.name}: {line}")
    print(f"{name}: {len(ROWS) - wrong} of {len(ROWS)} rows hold")
    return wrong


def main() -> int:
    """Run what the arguments say."""
    parser = ArgumentParser(prog="python -m tools.portkey", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write docs/portkey.md's table only")
    parser.add_argument(
        "--with-portkey", action="store_true", help="also run Portkey's own gateway"
    )
    asked = parser.parse_args()
    if asked.write:
        page.write()
        return 0
    with Upstream(GOOD) as upstream:
        upstream.server.handle_error = lambda *_: None  # in some rows the gateway hangs up on it
        with retouch(upstream) as url:
            wrong = told("Retouch", ask, lambda row: row.ours, url, upstream)
        if asked.with_portkey:
            with portkeys(upstream) as url:
                wrong += told("Portkey", ask_portkey, lambda r: r.theirs or r.ours, url, upstream)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
