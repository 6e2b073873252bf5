"""A smooth surface over a hole that meets its rim: what is left of a picture without texture."""

from __future__ import annotations

from PIL import Image, ImageFilter

_ROUNDS = 2  # smoothing rounds per level; coarse levels cost next to nothing
_BLUR = ImageFilter.BoxBlur(1)


def membrane(image: Image.Image, known: Image.Image, passes: int = 0) -> Image.Image:
    """`image` ("RGB") where `known` ("L", 0 or 255) is set, and a smooth transition where it is not.

    Push-pull: average what is known into ever smaller pictures until there is no hole, then enlarge
    back, level by level, keeping what is known at each. `passes` adds smoothing rounds.
    """
    if known.getextrema()[0] == 255 or image.size == (1, 1):
        return image
    small, small_known = _halved(image, known)
    filled = membrane(small, small_known, passes)
    guess = filled.resize(image.size, Image.Resampling.BILINEAR)
    guess.paste(image, mask=known)
    return _smooth(guess, image, known, _ROUNDS + passes)


def _halved(image: Image.Image, known: Image.Image) -> tuple[Image.Image, Image.Image]:
    """Half the size; each pixel is the average of the known ones among its four."""
    weighted = image.copy()
    weighted.putalpha(known)
    small = weighted.convert("RGBa").reduce(2).convert("RGBA")
    return small.convert("RGB"), small.getchannel("A").point(lambda weight: 255 if weight else 0)


def _smooth(guess: Image.Image, image: Image.Image, known: Image.Image, rounds: int) -> Image.Image:
    """Let every unknown pixel become the average of its neighbours, `rounds` times."""
    for _ in range(rounds):
        guess = guess.filter(_BLUR)
        guess.paste(image, mask=known)
    return guess
