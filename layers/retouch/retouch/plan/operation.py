"""Which of a provider's operations a request means, where the model leaves it open."""

from __future__ import annotations

from dataclasses import replace

from retouch.cards import Model, When
from retouch.errors import InvalidRequest
from retouch.messages import Wish
from retouch.pixels.mask import mask_from_alpha
from retouch.plan.resolve import Target


def choose(target: Target, wish: Wish) -> Target:
    """The target with the operation's own card. InvalidRequest where the request means none of them."""
    if not target.serving.chooses:
        _check(target.serving, wish)
        return _named(target, target.serving)
    cards = [card for name in target.serving.chooses if (card := target.provider.model(name))]
    meant = next((card for card in cards if card.when and means(card.when, wish)), None)
    if meant is None:
        raise InvalidRequest(
            f"The request means none of what {target.model_id} can do: {_listed(cards)}. "
            "Name one of them as the model to see what it needs.",
            param="model",
            code="no_operation",
        )
    note = f"operation: {meant.operation}, chosen by what was sent"
    return _named(replace(target, asked=meant, notes=(*target.notes, note)), meant)


def _check(card: Model, wish: Wish) -> None:
    """What an operation cannot do without, where it was named."""
    when = card.when or When()
    if when.given and not any(name in wish.params for name in when.given):
        raise InvalidRequest(
            f"{card.id} needs {' or '.join(repr(name) for name in when.given)}.",
            param=when.given[0],
            code="missing_required_parameter",
        )
    if when.images and len(wish.images) < when.images:
        raise InvalidRequest(
            f"{card.id} needs {when.images} pictures, the request has {len(wish.images)}.",
            param="image",
            code="missing_required_parameter",
        )


def means(when: When, wish: Wish) -> bool:
    """Whether a request is like that."""
    facts = {
        "prompt": bool(wish.prompt),
        "images": len(wish.images),
        "transparent": wish.params.get("background") == "transparent",
    }
    wanted = {name: getattr(when, name) for name in facts}
    return (
        all(value in (None, facts[name]) for name, value in wanted.items())
        and (not when.given or any(name in wish.params for name in when.given))
        and (when.mask is None or when.mask == _marks(wish))
    )


def _marks(wish: Wish) -> bool:
    """Whether a mask, or the first picture's own transparency, says where."""
    return wish.mask is not None or mask_from_alpha(wish.images[0]) is not None


def _named(target: Target, card: Model) -> Target:
    headers = {**target.headers, "x-retouch-operation": card.operation} if card.operation else {}
    return replace(target, serving=card, headers=headers or target.headers)


def _listed(cards: list[Model]) -> str:
    return ", ".join(card.id for card in cards)
