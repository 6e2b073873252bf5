"""All limits on a request body. Sizes are in bytes unless the name says otherwise."""

from __future__ import annotations

from retouch.core.frozen_dataclass import frozen_dataclass


@frozen_dataclass
class BodyLimits:
    """The limits on one request body.

    The defaults suit buffered API Gateway requests, whose events carry at most 4.7 MB of body.
    """

    max_body_bytes: int = 10_485_760
    max_parts: int = 64
    max_part_headers: int = 8
    max_part_header_bytes: int = 4224
    max_field_bytes: int = 131_072
    max_name_bytes: int = 256
    max_boundary_chars: int = 256
    max_images: int = 16


DEFAULT_LIMITS = BodyLimits()
