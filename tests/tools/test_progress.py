"""make/progress.sh: what it shows on a terminal and elsewhere, and the status and output of its command."""

import os
import pty
import subprocess
from pathlib import Path

SCRIPT = str(Path(__file__).parents[2] / "make" / "progress.sh")
COMMAND = ["sh", "-c", "echo out; echo err >&2; sleep 0.7; exit 3"]


def test_terminal_shows_the_seconds_and_then_the_output_and_status_of_the_command():
    terminal, child_end = pty.openpty()
    command = [SCRIPT, "working", *COMMAND]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=child_end)
    os.close(child_end)
    out, _ = process.communicate(timeout=20)
    shown = os.read(terminal, 4096)
    os.close(terminal)
    assert (process.returncode, out) == (3, b"out\nerr\n")
    assert shown.startswith(b"\rworking: 0 s")
    assert shown.count(b"working") >= 2


def test_log_gets_the_text_once_and_the_output_as_it_is():
    done = subprocess.run([SCRIPT, "working", *COMMAND], capture_output=True, timeout=20)
    assert (done.returncode, done.stdout, done.stderr) == (3, b"out\n", b"working\nerr\n")
