"""The admin function: the API for keys, workspaces, virtual keys and configs."""

import os

from retouch.entry_points.admin_function import build_function

handler = build_function(os.environ)
