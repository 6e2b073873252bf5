"""Times as text that sorts like the times, for ids."""

from __future__ import annotations

_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
TIME_CHARS = 8  # 40 bits: seconds until the year 36812


def encode_time(unix_time: int) -> str:
    """Return a Unix time as eight characters, in Crockford's base 32."""
    digits = [_CROCKFORD[unix_time >> 5 * place & 31] for place in reversed(range(TIME_CHARS))]
    return "".join(digits)


def decode_time(text: str) -> int:
    """Return the Unix time of an encoded one. Raises ValueError."""
    seconds = 0
    for digit in text:
        seconds = seconds << 5 | _CROCKFORD.index(digit)
    return seconds
