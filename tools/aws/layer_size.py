"""Build the layer for both processors and write the sizes of its packages: `make layer-size`, into docs/deploy.md."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from tools.docs import replace_section

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "deploy.md"
ARCHITECTURES = ("arm64", "x86_64")
_SOURCE = ROOT / "layers" / "retouch"
_SMALLEST_ROW = 500_000
# The folders and modules of each package, by the beginning of their names.
_PACKAGES = {
    "libx265": "pillow-heif, its encoder",
    "pillow_heif": "pillow-heif",
    "_pillow_heif": "pillow-heif",
    "pillow": "Pillow",
    "PIL": "Pillow",
    "cryptography": "cryptography",
    "_cffi": "cryptography",
    "retouch": "Retouch",
    "google": "google-auth",
    "re2": "google-re2",
    "isal": "isal",
    "urllib3": "urllib3",
    "idna": "idna",
}


def build_layer(architecture: str, folder: Path) -> Path:
    """Build the layer as `sam build` does, in a copy of its source below `folder`. Return the built folder."""
    source, built = folder / f"source-{architecture}", folder / architecture
    shutil.copytree(_SOURCE, source)
    built.mkdir()
    environment = {"ARCH": architecture, "ARTIFACTS_DIR": str(built), "UV": str(ROOT / ".venv/.uv")}
    subprocess.run(
        ["make", "-s", "-f", _SOURCE / "Makefile", "build-RetouchLayer"],  # noqa: S607
        cwd=source,
        env={**os.environ, **environment},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return built


def package_sizes(layer: Path) -> Counter[str]:
    """Return the bytes of each package of a built layer, unzipped and with bytecode."""
    sizes: Counter[str] = Counter()
    for file in layer.rglob("*"):
        if file.is_file():
            sizes[_package(file.relative_to(layer).parts)] += file.stat().st_size
    return sizes


def _package(path: tuple[str, ...]) -> str:
    names = (path[-1], path[1] if len(path) > 1 else path[0])
    for start, package in _PACKAGES.items():
        if any(name.startswith(start) for name in names):
            return package
    return "others"


def size_table(sizes: Mapping[str, Counter[str]]) -> str:
    """Return a markdown table with a row for each package, the largest first."""
    largest = Counter[str]()
    for counts in sizes.values():
        largest |= counts
    names = [name for name, size in largest.most_common() if size >= _SMALLEST_ROW]
    rows = ["| package, MB unzipped | " + " | ".join(sizes) + " |", "|---|" + "--:|" * len(sizes)]
    for name in names:
        cells = (f"{counts[name] / 1e6:.1f}" for counts in sizes.values())
        rows.append(f"| {name} | {' | '.join(cells)} |")
    totals = (f"**{counts.total() / 1e6:.0f}**" for counts in sizes.values())
    return "\n".join([*rows, f"| **the layer** | {' | '.join(totals)} |"])


def main() -> int:
    """Build, measure and write the page."""
    with tempfile.TemporaryDirectory() as folder:
        layers = {name: build_layer(name, Path(folder)) for name in ARCHITECTURES}
        table = size_table({name: package_sizes(layer) for name, layer in layers.items()})
    print(table)
    PAGE.write_text(replace_section(PAGE.read_text(), "layer", table))
    return 0


if __name__ == "__main__":
    sys.exit(main())
