"""The worker function: it makes the edits of jobs, one message of the queue at a time."""

import os

from retouch.api.handlers.edits_queue import build_handler
from retouch.edit_function import build_function

handler = build_function(build_handler, os.environ)
