"""The values of the x-portkey-* headers that control one request, and the names of these headers.

`api/request/portkey_headers.py` parses them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from typing import Any

from retouch.core.frozen_dataclass import frozen_dataclass

PORTKEY_PREFIX = "x-portkey-"
CONFIG_ID_PATTERN = re.compile(r"pc-[A-Za-z0-9_-]{1,64}", re.ASCII)  # the id of a saved config
ABSENT_VALUES = ("", "undefined", "null", "none", "nan")
# The header names, without the prefix, that this module reads. Each provider declares its own options.
KNOWN_HEADERS = (
    "cache-force-refresh",
    "cache-namespace",
    "config",
    "custom-host",
    "debug",
    "default-input-guardrails",
    "default-output-guardrails",
    "forward-headers",
    "metadata",
    "request-timeout",
    "strict-open-ai-compliance",
    "trace-id",
    "virtual-key",
)
AWS_KEY_NAMES = ("aws-access-key-id", "aws-secret-access-key", "aws-session-token")


@frozen_dataclass
class PortkeyHeaders:
    """The options in the headers. An option that is left out is None, empty or Portkey's default."""

    config: Mapping[str, Any] | str | None = field(default=None, repr=False)  # or its id
    virtual_key: str | None = None
    trace_id: str = ""  # empty: the gateway creates one
    traceparent: str = ""  # the caller's W3C trace, with the gateway's span id
    metadata: Mapping[str, str] = field(default_factory=dict)
    timeout: float | None = None  # seconds
    strict: bool = True  # the response has only the fields that OpenAI's has
    force_refresh: bool = False  # call the provider even if the response is cached
    cache_namespace: str = ""  # of the cache entries
    custom_host: str | None = None
    forwarded_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    # headers that a config may forward
    forwardable_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    options: Mapping[str, str] = field(default_factory=dict, repr=False)  # "azure-api-version", ...
    hooks: Mapping[str, Any] = field(default_factory=dict, repr=False)  # default guardrails by kind
    # False: the log record omits the notes, because they may repeat request data
    debug: bool = True
