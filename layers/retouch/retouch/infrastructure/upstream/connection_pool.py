"""The connection pool to the providers: urllib3's, with connections that skip interim responses."""

from __future__ import annotations

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from retouch.infrastructure.interim_responses import FinalResponse

_MAX_IDLE_CONNECTIONS = 16  # of one host


class _HttpConnection(HTTPConnection):
    response_class = FinalResponse


class _HttpsConnection(HTTPSConnection):
    response_class = FinalResponse


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _HttpConnection


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _HttpsConnection


def build_connection_pool() -> urllib3.PoolManager:
    """Return a pool that repeats no request."""
    pool = urllib3.PoolManager(maxsize=_MAX_IDLE_CONNECTIONS, retries=False)
    pool.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
    return pool
