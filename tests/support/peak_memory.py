"""Measure the peak memory of one edit in a separate process: python -m tests.support.peak_memory {json}.

The JSON argument has the keys "model", "image", "mask" and "upstream". It may have any other field of an edit.
"image" and "mask" are file paths. The command prints JSON with two keys: "status" is the HTTP status, and "peak_mb"
is the peak resident memory of the process since it started, in MB.
"""

import json
import logging
import sys
from pathlib import Path

from tests.support.events import form_event
from tests.support.gateway_client import send_event


def main() -> None:
    """Run one edit and print its status and peak memory as JSON."""
    request_fields = json.loads(sys.argv[1])
    env = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": request_fields.pop("upstream")}
    for name in ("image", "mask"):
        request_fields[name] = (name, Path(request_fields[name]).read_bytes(), "image/png")
    event = form_event({"prompt": "p", **request_fields})
    logging.disable(logging.CRITICAL)
    status = send_event(event, env, seconds=600.0).status
    sys.stdout.write(json.dumps({"status": status, "peak_mb": peak_mb()}))


def peak_mb() -> int:
    """Return the peak resident memory of this process in MB, read from the kernel (VmHWM)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1000 for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    main()
