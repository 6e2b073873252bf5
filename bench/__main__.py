"""`python -m bench`: Retouch beside Portkey and a direct call, as tables of ratios and medians."""

import argparse
import json
from collections.abc import Sequence
from typing import Any

from bench import paths, readme, report, runner

FULL = {"n": 50, "rounds": 5, "reps": 7}
QUICK = {"n": 15, "rounds": 2, "reps": 5}


def options(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line, with the defaults of the chosen size filled in."""
    cli = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    cli.add_argument("--n", type=int, help="requests per cell, target and round")
    cli.add_argument("--rounds", type=int, help="rounds over all cells")
    cli.add_argument("--reps", type=int, help="cold starts per target")
    cli.add_argument("--quick", action="store_true", help="a first look, in well under a minute")
    cli.add_argument("--readme", action="store_true", help="also rewrite the README's section")
    cli.add_argument("--last", action="store_true", help="show the last result, measure nothing")
    given = cli.parse_args(argv)
    for name, value in (QUICK if given.quick else FULL).items():
        if getattr(given, name) is None:
            setattr(given, name, value)
    return given


def result(given: argparse.Namespace) -> dict[str, Any]:
    """The last result, or a new one that is kept."""
    if given.last:
        return dict(json.loads(paths.RESULT.read_text(encoding="utf-8")))
    new = runner.run(given.n, given.rounds, given.reps)
    paths.RESULT.write_text(json.dumps(new, indent=1, ensure_ascii=False), encoding="utf-8")
    return new


def main() -> None:
    """Measure, print, keep."""
    given = options()
    found = result(given)
    text = report.render(found)
    print(text)
    if given.readme:
        readme.splice(paths.README, readme.section(text, found["machine"]))


if __name__ == "__main__":
    main()
