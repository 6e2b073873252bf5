"""Checks of pictures and masks: what Portkey's guardrails, which read text only, leave out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from retouch.guardrails.model import CheckError, Finding, Seen, Subject, Test, Tools
from retouch.guardrails.ranges import Range, read_range
from retouch.routing.problems import InvalidConfig
from retouch.routing.reading import Reader

_FORMATS = ("png", "jpeg", "webp")
_MOST_MEGAPIXELS = 1_000.0
_MOST_IMAGES = 1_000.0


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What each picture has to be. A megapixel is a million pixels."""

    formats: Sequence[str]
    megapixels: Range

    def faults(self, kind: str, pictures: Sequence[Seen]) -> Iterator[str]:
        """What is wrong, in sentences that count the pictures from 1."""
        for number, seen in enumerate(pictures, 1):
            size = seen.width * seen.height / 1e6
            if self.formats and seen.format not in self.formats:
                yield (
                    f"{kind} {number} is {seen.format.upper()}; allowed are {_names(self.formats)}."
                )
            if size not in self.megapixels:
                yield f"{kind} {number} has {size:.3g} megapixels; it must have {self.megapixels}."


def image(read: Reader) -> Test:
    """formats, minMegapixels, maxMegapixels of each picture; minImages, maxImages."""
    wanted = _wanted(read)
    count = read_range(read, "minImages", "maxImages", _MOST_IMAGES)
    _refuse_nothing(read, wanted.formats or wanted.megapixels or count)

    def test(subject: Subject, _tools: Tools) -> Finding:
        faults = list(wanted.faults("Image", subject.images))
        number = len(subject.images)
        if number not in count:
            faults.append(f"The request has {number} images; it must have {count}.")
        return _finding(faults, "The images are as they must be.", {"imageCount": number})

    return test


def mask(read: Reader) -> Test:
    """required; minCoverage and maxCoverage, shares of the picture from 0 to 1, of a mask that is there."""
    required = read.flag("required")
    coverage = read_range(read, "minCoverage", "maxCoverage", 1)
    _refuse_nothing(read, required or coverage)

    def test(subject: Subject, _tools: Tools) -> Finding:
        found, faults = subject.mask_coverage, []
        if found is None and required:
            faults.append("The request has no mask; send one.")
        if found is not None and found not in coverage:
            faults.append(
                f"The mask marks {found:.3g} of the picture for editing; it must mark {coverage}."
            )
        return _finding(faults, "The mask is as it must be.", {"coverage": found})

    return test


def output(read: Reader) -> Test:
    """formats, minMegapixels, maxMegapixels of each result; notBlank: none may be of one colour or invisible."""
    wanted, not_blank = _wanted(read), read.flag("notBlank")
    _refuse_nothing(read, wanted.formats or wanted.megapixels or not_blank)

    def test(subject: Subject, _tools: Tools) -> Finding:
        faults = list(wanted.faults("Result", subject.outputs))
        if not_blank:
            faults.extend(_blanks(subject.outputs))
        return _finding(faults, "The results are as they must be.", {"count": len(subject.outputs)})

    return test


def _blanks(outputs: Sequence[Seen]) -> Iterator[str]:
    for number, seen in enumerate(outputs, 1):
        if seen.blank is None:
            raise CheckError(f"Result {number} could not be looked at.")
        if seen.blank:
            yield f"Result {number} is blank."


def _wanted(read: Reader) -> _Wanted:
    formats = ["jpeg" if name.lower() == "jpg" else name.lower() for name in read.texts("formats")]
    if not set(formats) <= set(_FORMATS):
        raise InvalidConfig(f"{read.path}.formats", f"must be some of {_names(_FORMATS)}")
    return _Wanted(formats, read_range(read, "minMegapixels", "maxMegapixels", _MOST_MEGAPIXELS))


def _refuse_nothing(read: Reader, asked: object) -> None:
    """A check without parameters would always pass, and somebody would rely on it."""
    if not asked:
        raise InvalidConfig(read.path, "asks for nothing; give it a parameter")


def _finding(faults: Sequence[str], fine: str, data: dict[str, Any]) -> Finding:
    return Finding(not faults, " ".join(faults) or fine, data)


def _names(formats: Sequence[str]) -> str:
    return ", ".join(formats)
