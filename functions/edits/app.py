"""The edits function: the HTTP API and direct invokes."""

import os

from retouch.api.handlers.edits import build_handler
from retouch.entry_points.edit_function import build_function

handler = build_function(build_handler, os.environ)
