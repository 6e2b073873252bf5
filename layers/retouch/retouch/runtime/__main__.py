"""Start the loop; it ends only when there is nobody left to ask for work."""

import sys

from retouch.runtime.loop import main

if __name__ == "__main__":
    sys.exit(main())
