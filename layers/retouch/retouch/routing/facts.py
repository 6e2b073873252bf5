"""What conditions may ask about a request: its metadata, its fields, what its pictures are, and its path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from retouch.messages import Picture, Text


def facts(
    values: Mapping[str, Any],
    images: Sequence[Picture],
    has_mask: bool,
    metadata: Mapping[str, str],
    path: str,
) -> Mapping[str, Any]:
    """Every fact under its key, as "params.model".

    `values` are the request's fields: form text stays `Text`, so that it compares as a number with a number, as
    metadata does. What is counted here wins over a field of the same name. Megapixels are the first picture's.
    """
    found: dict[str, Any] = {f"metadata.{name}": Text(value) for name, value in metadata.items()}
    found |= {f"params.{name}": value for name, value in values.items()}
    found["params.image_count"] = len(images)
    found["params.has_mask"] = has_mask
    found["params.megapixels"] = images[0].width * images[0].height / 1e6 if images else 0.0
    found["url.pathname"] = path
    return found
