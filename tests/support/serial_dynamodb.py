"""A DynamoDB of moto that works on one request at a time.

DynamoDB isolates the writes of one item from each other. moto's threads do not: two updates may read the same number.
"""

import threading
from contextlib import contextmanager
from unittest.mock import patch

from moto.dynamodb.responses import DynamoHandler


@contextmanager
def serialize_dynamodb():
    """Let moto's DynamoDB finish each request before the next one begins, while the context is open."""
    call_action, lock = DynamoHandler.call_action, threading.Lock()

    def call_alone(handler):
        with lock:
            return call_action(handler)

    with patch.object(DynamoHandler, "call_action", call_alone):
        yield
