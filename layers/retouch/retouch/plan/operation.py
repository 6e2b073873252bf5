"""Which of a provider's operations a request means, where the model leaves it open."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from retouch.cards import Model, When
from retouch.errors import InvalidRequest
from retouch.messages import Wish
from retouch.pixels.mask import mask_from_alpha
from retouch.plan.resolve import Target


def choose(target: Target, wish: Wish) -> Target:
    """The target with the operation's own card. InvalidRequest where the request means none, or not all it needs."""
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
    _check(meant, wish)
    note = f"operation: {meant.operation}, chosen by what was sent"
    asked = _contract(target, meant)
    return _named(replace(target, asked=asked, notes=(*target.notes, note)), meant)


def _contract(target: Target, meant: Model) -> Model:
    """The operation's own; where a retired model was asked for, that one's, with what the operation needs and takes."""
    old = target.asked
    if old is target.serving:
        return meant
    return replace(
        old,
        prompt=meant.prompt,
        mask=meant.mask,
        needs_mask=old.needs_mask or meant.needs_mask,
        params={**meant.params, **old.params},
    )


def _check(card: Model, wish: Wish) -> None:
    """What an operation cannot do without."""
    when = card.when or When()
    if when.given and not any(_asks(wish.params.get(name)) for name in when.given):
        zero = any(name in wish.params for name in when.given)
        raise InvalidRequest(
            f"{card.id} needs {' or '.join(repr(name) for name in when.given)}{' other than 0' * zero}.",
            param=when.given[0],
            code="missing_required_parameter",
        )
    if when.images and len(wish.images) < when.images:
        raise InvalidRequest(
            f"{card.id} needs {when.images} pictures, the request has {len(wish.images)}.",
            param="image",
            code="missing_required_parameter",
        )


def _asks(value: Any) -> bool:
    """Whether a value asks for anything: an edge of 0 pixels does not."""
    return value is not None and str(value).strip("0 ") != ""


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
