"""An image file and its expected outcome."""

from dataclasses import dataclass
from pathlib import Path

_DAMAGED_CODES = {"image_parse_error", "image_truncated"}
_FORMAT_CODES = {"unsupported_image_format"}

# Error name in the cases -> the error codes of this package for it.
CODES = {
    "empty": {"empty_image_file"},
    "corrupt": _DAMAGED_CODES | _FORMAT_CODES,
    "truncated": _DAMAGED_CODES,
    "not_an_image": _DAMAGED_CODES | _FORMAT_CODES,
    "format_not_allowed": _FORMAT_CODES,
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

CORRUPT = ("corrupt", "truncated", "not_an_image")
WRONG_FORMAT = ("format_not_allowed", "not_an_image")
TOO_MANY_PIXELS = ("too_many_pixels", "corrupt", "not_an_image")


@dataclass(frozen=True)
class CaseSpec:
    """The specification of one file.

    `verdict` is accept, reject or either. "either" permits acceptance and refusal, and no other outcome.
    `role` is input, mask or result. An input is an uploaded image. A mask belongs to an image of `image_size`.
    A result is the file that a provider returned as an image; it must also be refused as an input.
    """

    file: str
    data: bytes
    verdict: str
    error_names: tuple[str, ...] = ()  # keys of CODES; a refusal may have any of them
    note: str = ""
    role: str = "input"
    image_size: tuple[int, int] | None = None
    max_ms: int = 2000
    max_mb: int = 150  # memory limit
    displayed_size: tuple[int, int] | None = None  # as displayed
    marked_share: float | None = None  # share of the mask that is marked for editing
    message_contains: tuple[str, ...] = ()  # texts that the error message must contain
    secrets: tuple[bytes, ...] = ()  # bytes that a cleaned or re-encoded file must not contain

    @property
    def codes(self):
        return frozenset().union(*(CODES[fault] for fault in self.error_names))


@dataclass(frozen=True)
class Case:
    """A written file with its verdict and its expected error codes."""

    file: str
    path: Path
    role: str
    verdict: str
    codes: frozenset[str]
    image_size: tuple[int, int] | None
    note: str
    max_ms: int
    spec: CaseSpec  # all other properties
