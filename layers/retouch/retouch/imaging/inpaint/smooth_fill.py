"""Fill a hole with a smooth surface that meets the pixels around it: an image without its texture."""

from __future__ import annotations

from PIL import Image, ImageFilter

_SMOOTHING_ROUNDS = 2  # smoothing rounds per level; coarse levels cost almost nothing
_BLUR = ImageFilter.BoxBlur(1)


def smooth_fill(image: Image.Image, known: Image.Image, passes: int = 0) -> Image.Image:
    """Return `image` ("RGB") where `known` ("L", 0 or 255) is set, and a smooth transition where it is not.

    This is the push-pull method. The known pixels are averaged into smaller and smaller images until there is no hole.
    Then the image is enlarged level by level, and the known pixels of each level stay. `passes` adds smoothing rounds.
    """
    if known.getextrema()[0] == 255 or image.size == (1, 1):
        return image
    small, small_known = _halve(image, known)
    filled = smooth_fill(small, small_known, passes)
    guess = filled.resize(image.size, Image.Resampling.BILINEAR)
    guess.paste(image, mask=known)
    return _smooth_unknown(guess, image, known, _SMOOTHING_ROUNDS + passes)


def _halve(image: Image.Image, known: Image.Image) -> tuple[Image.Image, Image.Image]:
    """Return both images at half the size. Each pixel is the average of the known ones among its four pixels."""
    weighted = image.copy()
    weighted.putalpha(known)
    small = weighted.convert("RGBa").reduce(2).convert("RGBA")
    return small.convert("RGB"), small.getchannel("A").point(lambda weight: 255 if weight else 0)


def _smooth_unknown(
    guess: Image.Image, image: Image.Image, known: Image.Image, rounds: int
) -> Image.Image:
    """Replace every unknown pixel by the average of its neighbours, `rounds` times."""
    for _ in range(rounds):
        guess = guess.filter(_BLUR)
        guess.paste(image, mask=known)
    return guess
