"""Fill a hole with a smooth surface that meets the pixels around it: an image without its texture."""

from __future__ import annotations

from retouch.imaging.pillow import Image, ImageChops, ImageFilter

_SMOOTHING_ROUNDS = 2  # smoothing rounds per level; coarse levels cost almost nothing
_BLUR = ImageFilter.BoxBlur(1)

KnownImage = tuple[Image.Image, Image.Image]  # an image, and "L" with 255 where it is known


def smooth_fill(image: Image.Image, known: Image.Image, passes: int = 0) -> Image.Image:
    """Return `image` ("RGB") where `known` ("L", 0 or 255) is set, and a smooth transition where it is not.

    This is the push-pull method. The known pixels are averaged into smaller and smaller images until there is no hole.
    Then the image is enlarged level by level, and the known pixels of each level stay. `passes` adds smoothing rounds.
    """
    if known.getextrema()[0] == 255 or image.size == (1, 1):
        return image
    small, small_known = _halve(image, known)
    filled = smooth_fill(small, small_known, passes)
    # A pixel of the small image is as large as two pixels, also when the last one has only one.
    box = (0, 0, image.width / 2, image.height / 2)
    guess = filled.resize(image.size, Image.Resampling.BILINEAR, box)
    guess.paste(image, mask=known)
    return _smooth_unknown(guess, image, known, _SMOOTHING_ROUNDS + passes)


def _halve(image: Image.Image, known: Image.Image) -> KnownImage:
    """Return both images at half the size. Each pixel is the average of the known ones among its four pixels."""
    upper, lower = (
        _average_known(*((_sample(image, x, y), _sample(known, x, y)) for x in (0, 1)))
        for y in (0, 1)
    )
    return _average_known(upper, lower)


def _sample(image: Image.Image, x: int, y: int) -> Image.Image:
    """Return every second pixel of every second row, from the pixel (x, y) on. Pixels outside are 0."""
    width, height = (image.width + 1) // 2, (image.height + 1) // 2
    # NEAREST takes the second of two pixels.
    box = (x - 1, y - 1, x - 1 + 2 * width, y - 1 + 2 * height)
    return image.crop(box).resize((width, height), Image.Resampling.NEAREST)


def _average_known(first: KnownImage, second: KnownImage) -> KnownImage:
    """Return the average of both images where both are known, and the known one where one is known."""
    share = ImageChops.add(second[1], ImageChops.invert(first[1]), 2)
    return Image.composite(second[0], first[0], share), ImageChops.lighter(first[1], second[1])


def _smooth_unknown(
    guess: Image.Image, image: Image.Image, known: Image.Image, rounds: int
) -> Image.Image:
    """Replace every unknown pixel by the average of its neighbours, `rounds` times."""
    for _ in range(rounds):
        guess = guess.filter(_BLUR)
        guess.paste(image, mask=known)
    return guess
