"""Run the rows of the comparison. The exit status is 1 when a row does not match."""

import sys
from argparse import ArgumentParser
from collections.abc import Callable

from tests.support.upstream import Upstream
from tools.portkey import page
from tools.portkey.gateways import run_portkey, run_retouch, send_row_to_portkey
from tools.portkey.observation import Observation, find_mismatches, send_row
from tools.portkey.row import SUCCESS, ExpectedResponse, Row
from tools.portkey.rows import ROWS

SendRow = Callable[[Row, str, Upstream], Observation]


def run_rows(
    name: str,
    send: SendRow,
    expect: Callable[[Row], ExpectedResponse],
    url: str,
    upstream: Upstream,
) -> int:
    """Print the mismatches of each row and return the number of rows that have any."""
    failed_rows = 0
    for row in ROWS:
        problems = list(find_mismatches(expect(row), send(row, url, upstream)))
        failed_rows += bool(problems)
        for line in problems:
            print(f"{name}: {row.name}: {line}")
    print(f"{name}: {len(ROWS) - failed_rows} of {len(ROWS)} rows match")
    return failed_rows


def main() -> int:
    """Run the command and return its exit status."""
    parser = ArgumentParser(prog="python -m tools.portkey", description=__doc__)
    parser.add_argument(
        "--write", action="store_true", help="only write the tables of docs/portkey.md"
    )
    parser.add_argument("--with-portkey", action="store_true", help="also run Portkey's gateway")
    options = parser.parse_args()
    if options.write:
        page.write()
        return 0
    with Upstream(SUCCESS) as upstream:
        with run_retouch(upstream) as url:
            failed_rows = run_rows("Retouch", send_row, lambda row: row.retouch, url, upstream)
        if options.with_portkey:
            with run_portkey(upstream) as url:
                failed_rows += run_rows(
                    "Portkey", send_row_to_portkey, lambda r: r.portkey or r.retouch, url, upstream
                )
    return int(bool(failed_rows))


if __name__ == "__main__":
    sys.exit(main())
