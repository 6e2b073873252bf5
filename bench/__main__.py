"""Compare Retouch with other gateways, with a base revision and with itself over time, as tables of ratios."""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from bench import (
    budgets,
    cache,
    inpaint,
    markdown_sections,
    memory,
    mirror,
    paths,
    pixels,
    profiling,
    report,
    routing,
    runner,
    soak,
    versus,
)
from bench.progress import print_note
from bench.runner import RunSize
from bench.scenarios import SCENARIOS, Scenario
from bench.targets import LITELLM, PORTKEY

FULL_RUN = RunSize(fresh=200, warm_up=2500, n=40, rounds=5, reps=7)
QUICK_RUN = RunSize(fresh=80, warm_up=2500, n=12, rounds=2, reps=3)
SOAK_REQUESTS = 5000


def parse_arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("what", nargs="?", default="compare", choices=tuple(_ACTIONS))
    parser.add_argument("--n", type=int, help="requests per scenario, target and round")
    parser.add_argument("--rounds", type=int, help="rounds over all scenarios")
    parser.add_argument("--reps", type=int, help="cold starts per target")
    parser.add_argument(
        "--cell", default="", help="only scenarios whose label contains this, such as '3 MB → URL'"
    )
    parser.add_argument("--rev", default="HEAD", help="the base revision of versus")
    parser.add_argument(
        "--quick", action="store_true", help="a run of three minutes, without LiteLLM"
    )
    parser.add_argument(
        "--readme", action="store_true", help="also rewrite the sections of the README and the docs"
    )
    parser.add_argument(
        "--last", action="store_true", help="show the last result and measure nothing"
    )
    return parser.parse_args(argv)


def run_size(arguments: argparse.Namespace) -> RunSize:
    """Return the size of the run: the chosen preset with the numbers that were given."""
    preset = QUICK_RUN if arguments.quick else FULL_RUN
    given = {
        name: getattr(arguments, name)
        for name in ("n", "rounds", "reps")
        if getattr(arguments, name) is not None
    }
    return replace(preset, **given)


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
    peers = (PORTKEY,) if arguments.quick else (PORTKEY, LITELLM)
    new = runner.run(select_scenarios(arguments.cell), run_size(arguments), peers)
    paths.RESULT.write_text(json.dumps(new, indent=1, ensure_ascii=False), encoding="utf-8")
    return new


def compare(arguments: argparse.Namespace) -> None:
    """Measure, print and save the comparison with Portkey."""
    record = load_or_measure(arguments)
    text = report.render(record)
    print(text)
    for warning in report.find_warnings(record):
        print_note(warning)
    if arguments.readme:
        markdown_sections.write_comparison(record)


def compare_revisions(arguments: argparse.Namespace) -> None:
    """Measure and print the comparison with a base revision."""
    scenarios = select_scenarios(arguments.cell)
    print(versus.run(arguments.rev, scenarios, run_size(arguments)))


def compare_pixels(arguments: argparse.Namespace) -> None:
    """Measure and print the comparison of the pixel path with Pillow."""
    text = pixels.run(run_size(arguments).rounds)
    print(text)
    if arguments.readme:
        markdown_sections.write_section(paths.SPEED, markdown_sections.PIXELS_SECTION, text)


def compare_inpainting(arguments: argparse.Namespace) -> None:
    """Measure and print the comparison of `local/erase` with OpenCV."""
    text = inpaint.run()
    print(text)
    if arguments.readme:
        markdown_sections.write_section(paths.LOCAL, markdown_sections.INPAINT_SECTION, text)


def measure_memory(arguments: argparse.Namespace) -> None:
    """Measure and print the peak memory of the largest edits."""
    text = memory.run([case for case in memory.CASES if arguments.cell in case.label])
    print(text)
    if arguments.readme:
        markdown_sections.write_section(paths.SPEED, markdown_sections.MEMORY_SECTION, text)


def print_profile(arguments: argparse.Namespace) -> None:
    """Profile a worker and print its most expensive functions."""
    scenarios = select_scenarios(arguments.cell)
    profiling.print_profile(profiling.run(scenarios, run_size(arguments).n))


_ACTIONS: dict[str, Callable[[argparse.Namespace], None]] = {
    "compare": compare,
    "versus": compare_revisions,
    "soak": lambda arguments: print(soak.run(arguments.n or SOAK_REQUESTS)),
    "profile": print_profile,
    "mirror": lambda arguments: print(mirror.run(run_size(arguments).rounds)),
    "cache": lambda arguments: print(cache.run(run_size(arguments).n)),
    "budgets": lambda arguments: print(budgets.run(run_size(arguments).n)),
    "routing": lambda _: print(routing.run()),
    "pixels": compare_pixels,
    "memory": measure_memory,
    "inpaint": compare_inpainting,
}


def main() -> None:
    """Run the command."""
    arguments = parse_arguments()
    _ACTIONS[arguments.what](arguments)


if __name__ == "__main__":
    main()
