"""Compare Retouch with Portkey and a direct call, as tables of ratios and medians."""

import argparse
import json
from collections.abc import Sequence
from typing import Any

from bench import (
    cache,
    markdown_sections,
    mirror,
    paths,
    pixels,
    profiling,
    report,
    routing,
    runner,
)
from bench.progress import print_note
from bench.scenarios import SCENARIOS, Scenario

FULL_RUN = {"n": 40, "rounds": 5, "reps": 7}
QUICK_RUN = {"n": 12, "rounds": 2, "reps": 5}


def parse_arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line and fill in the defaults of the chosen run size."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "what",
        nargs="?",
        default="compare",
        choices=("compare", "profile", "mirror", "cache", "routing", "pixels"),
    )
    parser.add_argument("--n", type=int, help="requests per scenario, target and round")
    parser.add_argument("--rounds", type=int, help="rounds over all scenarios")
    parser.add_argument("--reps", type=int, help="cold starts per target")
    parser.add_argument(
        "--cell", default="", help="only scenarios whose label contains this, such as '3 MB → URL'"
    )
    parser.add_argument("--quick", action="store_true", help="a short run of less than a minute")
    parser.add_argument(
        "--readme", action="store_true", help="also rewrite the sections of the README and the docs"
    )
    parser.add_argument(
        "--last", action="store_true", help="show the last result and measure nothing"
    )
    parsed = parser.parse_args(argv)
    for name, value in (QUICK_RUN if parsed.quick else FULL_RUN).items():
        if getattr(parsed, name) is None:
            setattr(parsed, name, value)
    return parsed


def select_scenarios(text: str) -> list[Scenario]:
    """Return the scenarios whose label contains the text. Exits when there is none."""
    scenarios = [scenario for scenario in SCENARIOS if text in scenario.label]
    if not scenarios:
        labels = ", ".join(c.label for c in SCENARIOS)
        raise SystemExit(f"No scenario matches {text!r}. There are: {labels}")
    return scenarios


def load_or_measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the last result, or measure and save a new one."""
    if arguments.last:
        return dict(json.loads(paths.RESULT.read_text(encoding="utf-8")))
    new = runner.run(
        select_scenarios(arguments.cell), arguments.n, arguments.rounds, arguments.reps
    )
    paths.RESULT.write_text(json.dumps(new, indent=1, ensure_ascii=False), encoding="utf-8")
    return new


def compare(arguments: argparse.Namespace) -> None:
    """Measure, print and save the comparison with Portkey."""
    record = load_or_measure(arguments)
    text = report.render(record)
    print(text)
    for warning in report.find_warnings(record["cells"]):
        print_note(warning)
    if arguments.readme:
        markdown_sections.write_comparison(record)


def compare_pixels(arguments: argparse.Namespace) -> None:
    """Measure and print the comparison of the pixel path with Pillow."""
    text = pixels.run(arguments.rounds)
    print(text)
    if arguments.readme:
        markdown_sections.replace_section(paths.SPEED, markdown_sections.PIXELS_SECTION, text)


def main() -> None:
    """Run the command."""
    arguments = parse_arguments()
    if arguments.what == "profile":
        profiling.print_profile(profiling.run(select_scenarios(arguments.cell), arguments.n))
    elif arguments.what == "mirror":
        print(mirror.run(arguments.rounds))
    elif arguments.what == "cache":
        print(cache.run(arguments.n))
    elif arguments.what == "routing":
        print(routing.run())
    elif arguments.what == "pixels":
        compare_pixels(arguments)
    else:
        compare(arguments)


if __name__ == "__main__":
    main()
