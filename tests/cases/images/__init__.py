"""Hostile and boundary image files with their verdicts. Code generates them, and they are always the same.

    from tests.cases.images import generate
    for case in generate(directory): ...

or `python -m tests.cases.images DIRECTORY`.
"""

from functools import cache
from itertools import chain
from pathlib import Path

from tests.cases.images import jpegs, masks, other_formats, pngs, pngs_broken, webps
from tests.cases.images.case import CODES, Case, CaseSpec

__all__ = ["CODES", "Case", "CaseSpec", "all_specs", "generate"]

_MODULES = (pngs, pngs_broken, other_formats, jpegs, webps, masks)


def generate(directory):
    """Write all files into the directory and return their cases."""
    target = Path(directory)
    target.mkdir(parents=True, exist_ok=True)
    return [_write_case(target, spec) for spec in all_specs()]


@cache
def all_specs():
    """Return the specifications of all files, in a fixed order."""
    return tuple(chain.from_iterable(module.cases() for module in _MODULES))


def _write_case(directory, spec):
    path = directory / spec.file
    path.write_bytes(spec.data)
    return Case(
        file=spec.file,
        path=path,
        role=spec.role,
        verdict=spec.verdict,
        codes=spec.codes,
        image_size=spec.image_size,
        note=spec.note,
        max_ms=spec.max_ms,
        spec=spec,
    )
