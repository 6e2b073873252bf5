"""`python -m retouch mask photo.png --circle 512,512,200 --out mask.png`, or `recipe check white.json`."""

from __future__ import annotations

import sys

from retouch.cli import main

if __name__ == "__main__":
    sys.exit(main())
