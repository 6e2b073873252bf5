"""The ids of uploads. An id belongs to the gateway key that created it, and other keys cannot use it.

An id is `upload_`, 16 random hexadecimal digits, and 16 digits of a hash of the owner and the random digits. The owner
is the id of a gateway key, or empty where no key is needed.
"""

from __future__ import annotations

import hmac
import re
from hashlib import sha256

RANDOM_BYTES = 8
LINES_MEDIA_TYPE = "application/jsonl"  # the input of a batch
MAX_LINES_BYTES = 200_000_000
_PREFIX, _PART_DIGITS = "upload_", 2 * RANDOM_BYTES
UPLOAD_ID_PATTERN = re.compile(rf"{_PREFIX}[0-9a-f]{{{2 * _PART_DIGITS}}}", re.ASCII)


def make_upload_id(owner: str, random_digits: str) -> str:
    """Return the id of a new upload from 16 random hexadecimal digits."""
    return f"{_PREFIX}{random_digits}{_owner_digits(owner, random_digits)}"


def is_owner_of_upload(owner: str, upload_id: str) -> bool:
    """Return whether the upload belongs to the owner. The id must match UPLOAD_ID_PATTERN."""
    digits = upload_id.removeprefix(_PREFIX)
    random_digits, owner_digits = digits[:_PART_DIGITS], digits[_PART_DIGITS:]
    return hmac.compare_digest(owner_digits, _owner_digits(owner, random_digits))


def _owner_digits(owner: str, random_digits: str) -> str:
    return sha256(f"upload {owner} {random_digits}".encode()).hexdigest()[:_PART_DIGITS]
