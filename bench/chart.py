"""Draw the comparison as an SVG: one group of bars for each scenario, and a line where Portkey stands."""

from collections.abc import Sequence
from html import escape
from typing import Any

from bench.report import cpu_ratio, ratio_text
from bench.targets import DEPLOYED, RETOUCH

Record = dict[str, Any]
WIDTH, LABEL_WIDTH, VALUE_WIDTH = 860, 300, 60
BAR_HEIGHT, BAR_GAP, GROUP_GAP, TOP = 10, 3, 14, 74
# Series: legend, phase, target, CSS class.
SERIES = (
    ("first requests", "fresh", RETOUCH, "a"),
    ("warm", "warm", RETOUCH, "b"),
    ("warm, as deployed", "warm", DEPLOYED, "c"),
)
STYLE = """\
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.small { font-size: 11px; fill: #59636e }
.title { font-size: 15px; font-weight: 600 }
.a { fill: #0969da } .b { fill: #54aeff } .c { fill: #8250df }
.line { stroke: #cf222e; stroke-width: 1.5; stroke-dasharray: 4 3 }
.paper { fill: #ffffff }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .small { fill: #9198a1 } .paper { fill: #0d1117 }
}"""


def draw_comparison(result: Record) -> str:
    """Return the SVG of the ratios of CPU to Portkey."""
    groups = [
        (warm["label"], [_series_ratio(fresh, warm, series) for series in SERIES])
        for fresh, warm in zip(result["fresh"], result["warm"], strict=True)
    ]
    highest = max([1.0, *(value for _, values in groups for value in values if value)])
    pixels_per_unit = (WIDTH - LABEL_WIDTH - VALUE_WIDTH) / highest
    height = TOP + len(groups) * _group_height()
    line_x = LABEL_WIDTH + pixels_per_unit
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        'aria-label="CPU of Retouch as a ratio to Portkey">',
        f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{height}"/>',
        '<text class="title" x="12" y="24">CPU per request, as a ratio to Portkey</text>',
        *_legend(),
        f'<line class="line" x1="{line_x:.1f}" y1="{TOP - 12}" x2="{line_x:.1f}" y2="{height}"/>',
        f'<text class="small" x="{line_x + 4:.1f}" y="{TOP - 8}">Portkey = 1</text>',
        *(
            part
            for i, (label, values) in enumerate(groups)
            for part in _group(label, values, TOP + i * _group_height(), pixels_per_unit)
        ),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _series_ratio(fresh: Record, warm: Record, series: tuple[str, str, str, str]) -> float | None:
    _, phase, name, _ = series
    return cpu_ratio(fresh if phase == "fresh" else warm, name)


def _group_height() -> int:
    return len(SERIES) * (BAR_HEIGHT + BAR_GAP) + GROUP_GAP


def _legend() -> list[str]:
    parts = []
    for i, (text, _, _, style) in enumerate(SERIES):
        x = 12 + 150 * i
        parts.append(f'<rect class="{style}" x="{x}" y="38" width="12" height="12"/>')
        parts.append(f'<text class="small" x="{x + 18}" y="48">{text}</text>')
    return parts


def _group(label: str, values: Sequence[float | None], y: int, pixels_per_unit: float) -> list[str]:
    middle = y + (_group_height() - GROUP_GAP) / 2 + 4
    parts = [f'<text x="12" y="{middle:.1f}">{escape(label)}</text>']
    for i, value in enumerate(values):
        if value is None:
            continue
        top, width = y + i * (BAR_HEIGHT + BAR_GAP), value * pixels_per_unit
        parts.append(
            f'<rect class="{SERIES[i][3]}" x="{LABEL_WIDTH}" y="{top}" width="{width:.1f}" height="{BAR_HEIGHT}"/>'
        )
        x = LABEL_WIDTH + width + 6
        parts.append(
            f'<text class="small" x="{x:.1f}" y="{top + BAR_HEIGHT - 1}">{ratio_text(value)}</text>'
        )
    return parts
