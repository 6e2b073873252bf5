"""Guardrails: checks of a request before it is sent and of its pictures after, as a config's hooks ask for them.

Pure rules. What needs a network is handed in as Tools: edges/fetch/webhook.py and
edges/aws/bedrock_guardrail.py are such.
"""

from retouch.guardrails.blank import is_blank
from retouch.guardrails.denial import STATUS_FAILED, HooksFailed, hook_results
from retouch.guardrails.judge import judge
from retouch.guardrails.memory import asked_once
from retouch.guardrails.model import (
    CheckError,
    Guardrails,
    Hook,
    Letter,
    Report,
    Review,
    Seen,
    Subject,
    Tools,
    When,
)
from retouch.guardrails.read import read

__all__ = [
    "STATUS_FAILED",
    "CheckError",
    "Guardrails",
    "Hook",
    "HooksFailed",
    "Letter",
    "Report",
    "Review",
    "Seen",
    "Subject",
    "Tools",
    "When",
    "asked_once",
    "hook_results",
    "is_blank",
    "judge",
    "read",
]
