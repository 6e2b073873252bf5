"""Moto answers DynamoDB requests one after the other, because its conditional writes are not atomic between threads.

Two of its threads may both find that a condition holds, and then both write. DynamoDB never does that. Importing this
module mends every moto server of the process.
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication

_one_request = threading.Lock()
_call_app: Callable[..., Iterable[bytes]] = DomainDispatcherApplication.__call__


def _call_in_turn(
    app: DomainDispatcherApplication, environ: Mapping[str, Any], start_response: Callable[..., Any]
) -> Iterable[bytes]:
    if not str(environ.get("HTTP_X_AMZ_TARGET", "")).startswith("DynamoDB"):
        return _call_app(app, environ, start_response)
    with _one_request:
        return _call_app(app, environ, start_response)


DomainDispatcherApplication.__call__ = _call_in_turn  # type: ignore[method-assign, assignment]
