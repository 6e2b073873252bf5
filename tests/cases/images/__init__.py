"""Hostile and boundary image files, made by code and always the same, with their verdicts.

    from tests.cases.images import generate
    for case in generate(directory): ...

or `python -m tests.cases.images DIRECTORY`.
"""

from functools import cache
from itertools import chain
from pathlib import Path

from tests.cases.images import foreign, jpegs, masks, pngs, pngs_broken, webps
from tests.cases.images.case import CODES, Case, Made

__all__ = ["CODES", "Case", "Made", "everything", "generate"]

_MODULES = (pngs, pngs_broken, foreign, jpegs, webps, masks)


def generate(directory):
    """Write all files and return their cases."""
    target = Path(directory)
    target.mkdir(parents=True, exist_ok=True)
    return [_write(target, made) for made in everything()]


@cache
def everything():
    """All files in the making, in a fixed order."""
    return tuple(chain.from_iterable(module.cases() for module in _MODULES))


def _write(directory, made):
    path = directory / made.file
    path.write_bytes(made.data)
    return Case(
        file=made.file,
        path=path,
        role=made.role,
        verdict=made.verdict,
        codes=made.codes,
        against=made.against,
        note=made.note,
        max_ms=made.max_ms,
        made=made,
    )
