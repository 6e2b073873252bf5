"""Pillow, imported when the first image is decoded or drawn. An edit without a mask needs none of it.

The other modules of this package take the most used modules of Pillow from here.
"""

from __future__ import annotations

import warnings
from functools import cache, cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any

from retouch.imaging.limits import DEFAULT_LIMITS

if TYPE_CHECKING:
    from PIL import Image as Image
    from PIL import ImageChops as ImageChops
    from PIL import ImageFilter as ImageFilter
    from PIL import ImageStat as ImageStat
else:

    class _LazyModule:
        """A module of Pillow that the first use of an attribute imports."""

        def __init__(self, name: str) -> None:
            self._name = name

        @cached_property
        def _module(self) -> Any:
            restrict_pillow()
            return import_module(self._name)

        def __getattr__(self, attribute: str) -> Any:
            return getattr(self._module, attribute)

    Image = _LazyModule("PIL.Image")
    ImageChops = _LazyModule("PIL.ImageChops")
    ImageFilter = _LazyModule("PIL.ImageFilter")
    ImageStat = _LazyModule("PIL.ImageStat")


@cache
def restrict_pillow() -> None:
    """Import the plugins of three formats, and let Pillow import no others and open no image above the limits."""
    from PIL import Image, _imaging

    for format in ("Jpeg", "Png", "WebP"):
        import_module(f"PIL.{format}ImagePlugin")
    # 2 tells Pillow that it has loaded every plugin already.
    Image._initialized = 2
    Image.MAX_IMAGE_PIXELS = DEFAULT_LIMITS.pixels
    # Pillow stores an image in blocks. The C library gives a block above 32 MiB back to the system as soon as it is
    # free, but keeps smaller ones. With Pillow's 16 MiB, an image that was freed would still be there beside the next.
    _imaging.set_block_size(67_108_864)
    warnings.simplefilter("error", Image.DecompressionBombWarning)
