"""The worker function: it makes the edits of jobs and takes events, one message of the queue at a time."""

import os
from functools import partial

from retouch.api.handlers.edits_queue import build_handler
from retouch.entry_points.edit_function import build_function
from retouch.infrastructure.stores.event_ports import event_ports

handler = build_function(partial(build_handler, ports=event_ports(os.environ)), os.environ)
