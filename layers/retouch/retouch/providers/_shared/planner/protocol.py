"""The types that an adapter and the planner share.

They are in a module of their own, because most processes never load the planner itself.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import Any

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.provider_protocol import ConversationStep, ProviderJob, ProviderResponse

ChatMessages = list[dict[str, Any]]  # in OpenAI's format


@frozen_dataclass
class PlannerReply:
    """One reply of the model, and its token counts under OpenAI's names (input_tokens, output_tokens)."""

    text: str
    usage: Mapping[str, int]


SendChat = Callable[
    [ProviderJob, ChatMessages], Generator[ConversationStep, ProviderResponse, PlannerReply]
]
