"""WebP files: kinds, metadata, animations, lies in the container."""

from PIL import Image

from tests.cases.images.build import SECRETS, encoded, gradient, noise, private_exif
from tests.cases.images.case import COR, Made


def cases():
    image = noise()
    plain = encoded(image, "WEBP", quality=80)
    yield Made("webp_lossy.webp", plain, "accept", size=(64, 48))
    clear = image.convert("RGBA")
    clear.putalpha(128)
    yield Made("webp_lossless_alpha.webp", encoded(clear, "WEBP", lossless=True), "accept")
    data = encoded(image, "WEBP", exif=private_exif().tobytes())
    yield Made("webp_exif_gps.webp", data, "accept", secrets=SECRETS)
    data = plain[:4] + b"\xff\xff\xff\x7f" + plain[8:]
    yield Made("webp_riff_size_too_big.webp", data, "either", COR)
    data = encoded(Image.new("RGB", (16383, 1)), "WEBP")
    yield Made("webp_max_16383.webp", data, "either", ("dimension_too_large",))
    yield Made("webp_cut.webp", plain[: len(plain) // 2], "reject", COR, "half a download")
    yield from _animated(image)


def _animated(image):
    faults = ("too_many_frames",)
    data = encoded(image, "WEBP", save_all=True, append_images=[gradient()] * 3)
    yield Made("webp_animated.webp", data, "either", faults)
    small = gradient().resize((4, 4))
    turned = [small.rotate(90 * (n % 4)).point(lambda v, n=n: (v + n) % 256) for n in range(500)]
    options = {"save_all": True, "append_images": turned, "minimize_size": False}
    data = encoded(image.resize((4, 4)), "WEBP", **options)
    yield Made("webp_animated_500.webp", data, "either", faults, max_ms=3000)
