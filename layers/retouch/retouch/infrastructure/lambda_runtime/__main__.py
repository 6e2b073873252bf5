"""Start the loop. It ends only when the Runtime API is gone."""

import sys

from retouch.infrastructure.lambda_runtime.loop import main

if __name__ == "__main__":
    sys.exit(main())
