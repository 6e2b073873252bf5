"""One image file and what must come of it."""

from dataclasses import dataclass
from pathlib import Path

_DAMAGED = {"image_parse_error", "image_truncated"}
_UNKNOWN = {"unsupported_image_format"}

# What the cases call a fault -> the codes with which the product says it.
CODES = {
    "empty": {"empty_image_file"},
    "corrupt": _DAMAGED | _UNKNOWN,
    "truncated": _DAMAGED,
    "not_an_image": _DAMAGED | _UNKNOWN,
    "format_not_allowed": _UNKNOWN,
    "too_many_pixels": {"image_too_large"},
    "dimension_too_large": {"image_too_large"},
    "too_large": {"image_file_too_large"},
    "too_many_frames": {"image_animated"},
    "metadata_too_large": {"image_metadata_too_large"},
    "mask_selects_nothing": {"mask_empty"},
    "mask_needs_alpha": {"mask_without_alpha"},
    "mask_size_mismatch": {"mask_size_mismatch"},
    "mask_ambiguous": {"mask_empty"},
}

COR = ("corrupt", "truncated", "not_an_image")
FMT = ("format_not_allowed", "not_an_image")
PIX = ("too_many_pixels", "corrupt", "not_an_image")


@dataclass(frozen=True)
class Made:
    """A file in the making.

    verdict: accept | reject | either (one or the other, but nothing third). role: input (an uploaded
    image), mask (against an image of the size `against`), result (what a provider sent for an image;
    as an input it must be refused, too).
    """

    file: str
    data: bytes
    verdict: str
    faults: tuple[str, ...] = ()  # keys of CODES; any one is right for a refusal
    note: str = ""
    role: str = "input"
    against: tuple[int, int] | None = None
    max_ms: int = 2000
    max_mb: int = 150  # of memory
    size: tuple[int, int] | None = None  # as displayed
    editable: float | None = None  # share of the mask that is marked
    mentions: tuple[str, ...] = ()  # in the message of the refusal
    secrets: tuple[bytes, ...] = ()  # not to be found in a cleaned or re-encoded file

    @property
    def codes(self):
        return frozenset().union(*(CODES[fault] for fault in self.faults))


@dataclass(frozen=True)
class Case:
    """A file that was written, and its verdict in the product's own codes."""

    file: str
    path: Path
    role: str
    verdict: str
    codes: frozenset
    against: tuple[int, int] | None
    note: str
    max_ms: int
    made: Made  # everything else
