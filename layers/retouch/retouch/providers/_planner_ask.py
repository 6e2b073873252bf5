"""What an adapter and the planner tell each other. Apart from the planner, which most processes never load."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any

from retouch.messages import Job, Reply, Step

Messages = list[dict[str, Any]]  # OpenAI's


@dataclass(frozen=True, slots=True)
class Said:
    """One answer of the model, and its token counts by OpenAI's names (input_tokens, output_tokens)."""

    text: str
    usage: Mapping[str, int]


Ask = Callable[[Job, Messages], Generator[Step, Reply, Said]]
