"""Write docs/packages.svg, the imports that .importlinter allows: `python -m tools.package_diagram [--check]`."""

from __future__ import annotations

import sys
from configparser import ConfigParser
from functools import cache

from tools.state_diagram import BOX_HEIGHT, DOCS, Arrow, Diagram, write_picture

PICTURE = DOCS / "packages.svg"
CONTRACTS = DOCS.parent / ".importlinter"
ROOT_PACKAGE = "retouch."
ROW_HEIGHT, MARGIN = 90, 40
# package -> the centre of its column. The row follows from the imports.
COLUMNS = {
    "api": 520,
    "infrastructure": 780,
    "gateway": 260,
    "planning": 390,
    "batches": 520,
    "inbox": 650,
    "mirror": 780,
    "providers": 910,
    "tenants": 70,
    "webhooks": 195,
    "usage": 320,
    "orders": 585,
    "imaging": 780,
    "core": 450,
}


@cache
def allowed_imports() -> dict[str, frozenset[str]]:
    """Return the packages that each package may import: those that its contract does not forbid."""
    forbidden = _forbidden_imports()
    packages = frozenset(forbidden)
    return {name: packages - names - {name} for name, names in forbidden.items()}


def _forbidden_imports() -> dict[str, frozenset[str]]:
    parser = ConfigParser()
    parser.read(CONTRACTS)
    contracts = [dict(parser[name]) for name in parser.sections()]
    return {
        _package_names(contract["source_modules"])[0]: frozenset(
            _package_names(contract["forbidden_modules"])
        )
        for contract in contracts
        if len(contract.get("source_modules", "").split()) == 1
    }


def _package_names(modules: str) -> list[str]:
    return [module.removeprefix(ROOT_PACKAGE) for module in modules.split()]


def packages_table() -> str:
    """Return a table with one row for each package: what it may import."""
    rows = ["| package | may import |", "|---|---|"]
    for name in COLUMNS:
        imports = ", ".join(f"`{each}`" for each in sorted(allowed_imports()[name]))
        rows.append(f"| `{name}` | {imports or 'nothing'} |")
    return "\n".join(rows)


def direct_imports(name: str) -> set[str]:
    """Return the imports of a package that no other of its imports may import too."""
    imports = allowed_imports()[name]
    indirect = {deeper for each in imports for deeper in allowed_imports()[each]}
    return set(imports - indirect)


def _level(name: str) -> int:
    """Return the number of packages on the longest way down from a package."""
    return max((_level(each) + 1 for each in allowed_imports()[name]), default=0)


def draw_packages() -> Diagram:
    """Return the picture: a package stands above the packages that it may import."""
    top = max(map(_level, COLUMNS))
    centres = {
        name: (x, MARGIN + (top - _level(name)) * ROW_HEIGHT, name == "core")
        for name, x in COLUMNS.items()
    }
    half = BOX_HEIGHT // 2
    arrows = tuple(
        Arrow(
            (
                (centres[name][0], centres[name][1] + half),
                (centres[other][0], centres[other][1] - half),
            ),
            (),
            (0, 0),
        )
        for name in COLUMNS
        for other in sorted(direct_imports(name))
    )
    height = 2 * MARGIN + top * ROW_HEIGHT
    return Diagram("The packages of retouch and their imports", 980, height, centres, arrows)


DIAGRAM = draw_packages()


if __name__ == "__main__":
    sys.exit(write_picture(DIAGRAM, PICTURE, check="--check" in sys.argv))
