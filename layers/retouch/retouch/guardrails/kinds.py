"""The checks that are known, by their ids."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from retouch.guardrails import pictures, remote, texts
from retouch.guardrails.model import Test, When
from retouch.routing.reading import Reader


@dataclass(frozen=True, slots=True)
class Kind:
    """A check that is known: where it may stand and how its parameters are read."""

    build: Callable[[Reader, When], Test]
    whens: tuple[When, ...]
    remote: bool = False


def _before(build: Callable[[Reader], Test]) -> Kind:
    return Kind(lambda read, _when: build(read), ("before",))


KINDS: Mapping[str, Kind] = {
    "default.characterCount": _before(texts.character_count),
    "default.wordCount": _before(texts.word_count),
    "default.contains": _before(texts.contains),
    "default.regexMatch": _before(texts.regex_match),
    "default.requiredMetadataKeys": _before(texts.required_metadata_keys),
    "default.metadata": _before(texts.metadata),
    "default.webhook": Kind(remote.webhook, ("before", "after"), remote=True),
    "bedrock.guard": Kind(lambda read, _when: remote.bedrock_guard(read), ("before",), True),
    "retouch.image": _before(pictures.image),
    "retouch.mask": _before(pictures.mask),
    "retouch.output": Kind(lambda read, _when: pictures.output(read), ("after",)),
}
