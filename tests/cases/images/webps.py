"""WebP files: encodings, metadata, animations, false sizes in the container."""

from PIL import Image

from tests.cases.images.build import (
    SECRETS,
    encode_image,
    gradient_image,
    noise_image,
    private_exif,
)
from tests.cases.images.case import CORRUPT, CaseSpec


def cases():
    image = noise_image()
    lossy = encode_image(image, "WEBP", quality=80)
    yield CaseSpec("webp_lossy.webp", lossy, "accept", displayed_size=(64, 48))
    transparent = image.convert("RGBA")
    transparent.putalpha(128)
    yield CaseSpec(
        "webp_lossless_alpha.webp", encode_image(transparent, "WEBP", lossless=True), "accept"
    )
    data = encode_image(image, "WEBP", exif=private_exif().tobytes())
    yield CaseSpec("webp_exif_gps.webp", data, "accept", secrets=SECRETS)
    data = lossy[:4] + b"\xff\xff\xff\x7f" + lossy[8:]
    yield CaseSpec("webp_riff_size_too_big.webp", data, "either", CORRUPT)
    data = encode_image(Image.new("RGB", (16383, 1)), "WEBP")
    yield CaseSpec("webp_max_16383.webp", data, "either", ("dimension_too_large",))
    yield CaseSpec(
        "webp_cut.webp", lossy[: len(lossy) // 2], "reject", CORRUPT, "incomplete download"
    )
    yield from _animated_files(image)


def _animated_files(image):
    faults = ("too_many_frames",)
    data = encode_image(image, "WEBP", save_all=True, append_images=[gradient_image()] * 3)
    yield CaseSpec("webp_animated.webp", data, "either", faults)
    small = gradient_image().resize((4, 4))
    rotated_frames = [
        small.rotate(90 * (n % 4)).point(lambda v, n=n: (v + n) % 256) for n in range(500)
    ]
    options = {"save_all": True, "append_images": rotated_frames, "minimize_size": False}
    data = encode_image(image.resize((4, 4)), "WEBP", **options)
    yield CaseSpec("webp_animated_500.webp", data, "either", faults, max_ms=3000)
