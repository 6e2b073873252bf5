"""Where a provider's task is: its id, and the URLs that the response to the edit request states.

This response comes after the purchase. So an unusual field in it must not lose the task: its location also follows from
its id, as the provider's documentation describes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from retouch.core.url_policy.key_hosts import is_key_host
from retouch.providers._shared.response_parsing import find_object, items_or_empty, text_or_empty

# the names of similar services
_ID_NAMES = ("id", "request_id", "task_id", "job_id", "requestId", "taskId", "jobId")
_PADDING = " \r\n"


def find_task_id(document: Any, documented_name: str) -> str:
    """Return the id of the task, which is a text or a number. Raises ValueError when there is none."""
    for name in (documented_name, *_ID_NAMES):
        value = find_object(document, name).get(name)
        text = str(value) if type(value) is int else text_or_empty(value).strip(_PADDING)
        if text:
            return text
    raise ValueError("the response has no task id to poll")


def own_task_url(value: Any, base_url: str, key_hosts: Sequence[str]) -> str:
    """Return the URL in a field of a response as an absolute URL, or "" when it has none at the provider's own hosts.

    The URL will be requested with the key, which no other host may receive. A relative URL belongs to the origin of the
    base URL. A proxy in front of a provider may state `http`, although it is reached by `https`.
    """
    url = _absolute_url(value, base_url)
    return url if is_key_host(url, base_url, key_hosts) else ""


def _absolute_url(value: Any, base_url: str) -> str:
    text = next(filter(None, map(text_or_empty, items_or_empty(value))), "").strip(_PADDING)
    base = urlsplit(base_url)
    if text.startswith("//"):
        return f"{base.scheme}:{text}"
    if text.startswith("/"):
        return f"{base.scheme}://{base.netloc}{text}"
    scheme, separator, rest = text.partition("://")
    is_downgrade = scheme.lower() == "http" and base.scheme == "https"
    return f"https://{rest}" if separator and is_downgrade else text
