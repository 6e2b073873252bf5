"""Amounts of money in answers."""

from __future__ import annotations

from retouch.core.pricing import MICRO_DOLLARS


def dollars(micro_dollars: int) -> float:
    """Return an amount in US dollars for JSON. It is exact to the micro-dollar up to a billion dollars."""
    return round(micro_dollars / MICRO_DOLLARS, 6)
