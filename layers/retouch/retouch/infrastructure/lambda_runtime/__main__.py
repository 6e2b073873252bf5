"""Start the loop. It ends only when the Runtime API is gone."""

import os
import sys

if __name__ == "__main__":
    try:
        from retouch.infrastructure.lambda_runtime.loop import main
    except ImportError as error:
        from pathlib import Path

        from retouch.infrastructure.lambda_runtime.layer_check import import_failure_text

        libraries = Path(__file__).parents[3]
        sys.exit(import_failure_text(error, libraries, os.uname().machine))
    sys.exit(main())
