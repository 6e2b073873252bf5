"""One interleaved run: every round visits every cell, every request goes to all targets in turn."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bench.cells import Cell
from bench.lanes import Lane, Series
from bench.paths import IMAGES
from bench.progress import Progress
from bench.targets import Target
from bench.upstream import Upstream

Results = dict[Cell, dict[str, Series]]
WARM_UP = 3
# Compositing takes long and varies little: fewer requests tell the same.
MASKED_SHARE = 4


def run(
    cells: Sequence[Cell], targets: Sequence[Target], upstream: Upstream, n: int, rounds: int
) -> Results:
    """Measure the cells for all targets, n requests per cell, target and round."""
    results: Results = {cell: {t.name: Series() for t in targets} for cell in cells}
    progress = Progress(sum(share(cell, n) for cell in cells) * rounds * len(targets))
    for turn in range(rounds):
        for cell in cells:
            upstream.use(cell.answer)
            with _lanes(cell, targets, results[cell]) as lanes:
                if turn == 0:
                    _first(lanes, upstream, share(cell, n) // 2)
                _warm_up(lanes, WARM_UP)
                _round(lanes, share(cell, n), progress, f"{cell.label} {turn + 1}/{rounds}")
    progress.end()
    return results


def share(cell: Cell, n: int) -> int:
    """How many requests a round of this cell has."""
    return max(5, n // MASKED_SHARE) if cell.masked else n


@contextmanager
def _lanes(
    cell: Cell, targets: Sequence[Target], series: dict[str, Series]
) -> Iterator[list[Lane]]:
    lanes = [Lane(target, cell, IMAGES, series[target.name]) for target in targets]
    try:
        yield lanes
    finally:
        for lane in lanes:
            lane.close()


def _first(lanes: Sequence[Lane], upstream: Upstream, n: int) -> None:
    # Just-in-time compilers need some requests before they show what they can do.
    _warm_up(lanes, n)
    for lane in lanes:
        lane.series.seconds.clear()
        lane.look(upstream)


def _warm_up(lanes: Sequence[Lane], n: int) -> None:
    for lane in lanes:
        lane.series.seconds.append([])
        for _ in range(n):
            lane.shoot()
        lane.series.seconds[-1].clear()


def _round(lanes: Sequence[Lane], n: int, progress: Progress, label: str) -> None:
    before = [lane.target.cpu() for lane in lanes]
    for i in range(n):
        turn = i % len(lanes)
        for lane in (*lanes[turn:], *lanes[:turn]):
            lane.shoot()
            progress.step(label)
    for lane, start in zip(lanes, before, strict=True):
        used = lane.target.cpu()
        lane.series.cpu.append({part: (used[part] - start[part]) / n for part in used})
