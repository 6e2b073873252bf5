"""How much memory one edit takes at its peak, in a process of its own: python -m tests.support.appetite {json}.

The order is {"model", "image", "mask", "upstream"} and any fields of the edit; image and mask are files. Answers with
JSON: the status, and the most that the process has held at once since it started, in MB.
"""

import json
import logging
import sys
from pathlib import Path

from tests.support.door import knock
from tests.support.events import form_event


def main() -> None:
    """The command."""
    order = json.loads(sys.argv[1])
    env = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": order.pop("upstream")}
    for name in ("image", "mask"):
        order[name] = (name, Path(order[name]).read_bytes(), "image/png")
    event = form_event({"prompt": "p", **order})
    logging.disable(logging.CRITICAL)
    status = knock(event, env, seconds=600.0).status
    sys.stdout.write(json.dumps({"status": status, "peak_mb": peak()}))


def peak() -> int:
    """The kernel's own account of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1000 for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    main()
