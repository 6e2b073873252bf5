"""Retouch beside Portkey and a direct call, as tables of ratios and medians."""

import argparse
import json
from collections.abc import Sequence
from typing import Any

from bench import cache, mirror, paths, pixels, profiling, readme, report, routing, runner
from bench.cells import CELLS, Cell
from bench.progress import note

FULL = {"n": 40, "rounds": 5, "reps": 7}
QUICK = {"n": 12, "rounds": 2, "reps": 5}


def options(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line, with the defaults of the chosen size filled in."""
    cli = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    cli.add_argument(
        "what",
        nargs="?",
        default="compare",
        choices=("compare", "profile", "mirror", "cache", "routing", "pixels"),
    )
    cli.add_argument("--n", type=int, help="requests per cell, target and round")
    cli.add_argument("--rounds", type=int, help="rounds over all cells")
    cli.add_argument("--reps", type=int, help="cold starts per target")
    cli.add_argument("--cell", default="", help="only rows whose name has this, as '3 MB → URL'")
    cli.add_argument("--quick", action="store_true", help="a first look, in well under a minute")
    cli.add_argument(
        "--readme", action="store_true", help="also rewrite the README's and the docs' sections"
    )
    cli.add_argument("--last", action="store_true", help="show the last result, measure nothing")
    given = cli.parse_args(argv)
    for name, value in (QUICK if given.quick else FULL).items():
        if getattr(given, name) is None:
            setattr(given, name, value)
    return given


def chosen(text: str) -> list[Cell]:
    """The cells whose name has the text."""
    found = [cell for cell in CELLS if text in cell.label]
    if not found:
        raise SystemExit(f"no row has {text!r}; there are: {', '.join(c.label for c in CELLS)}")
    return found


def result(given: argparse.Namespace) -> dict[str, Any]:
    """The last result, or a new one that is kept."""
    if given.last:
        return dict(json.loads(paths.RESULT.read_text(encoding="utf-8")))
    new = runner.run(chosen(given.cell), given.n, given.rounds, given.reps)
    paths.RESULT.write_text(json.dumps(new, indent=1, ensure_ascii=False), encoding="utf-8")
    return new


def compare(given: argparse.Namespace) -> None:
    """Measure, print, keep."""
    found = result(given)
    text = report.render(found)
    print(text)
    for doubt in report.doubts(found["cells"]):
        note(doubt)
    if given.readme:
        readme.compared(found)


def compare_pixels(given: argparse.Namespace) -> None:
    """Measure and print."""
    text = pixels.run(given.rounds)
    print(text)
    if given.readme:
        readme.splice(paths.SPEED, readme.PIXELS, text)


def main() -> None:
    """The command."""
    given = options()
    if given.what == "profile":
        profiling.show(profiling.run(chosen(given.cell), given.n))
    elif given.what == "mirror":
        print(mirror.run(given.rounds))
    elif given.what == "cache":
        print(cache.run(given.n))
    elif given.what == "routing":
        print(routing.run())
    elif given.what == "pixels":
        compare_pixels(given)
    else:
        compare(given)


if __name__ == "__main__":
    main()
