"""The corridor: admit, gather, validate, route, and then, at each target, plan, prepare, call, normalise, respond.

Nothing flows back. A Fault raised in any room is caught once, by the door, unless a config says who is asked next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from math import inf

from retouch.admission import Guest, admit
from retouch.attempt import Attempt, once
from retouch.errors import Fault, InvalidRequest, OutOfTime, RequestTimeout
from retouch.gather import gather
from retouch.guarded import admitted
from retouch.house import House, Order
from retouch.messages import Material, Wish
from retouch.respond import routed
from retouch.routing.asked import tree_of
from retouch.routing.facts import facts
from retouch.routing.paying import Payers
from retouch.routing.run import Run
from retouch.routing.saved import virtual_keys
from retouch.routing.tree import Leaf, Tree
from retouch.settings import Settings
from retouch.specs import shown
from retouch.wire.answer import Answer, failure
from retouch.wire.wish import overridden, validate

EDITS = "/v1/images/edits"


def edit(order: Order, house: House) -> Answer:
    """One edit, from order to answer. Raises Fault, nothing else."""
    settings = house.settings.with_secrets(house.secrets())
    guest = enter(order, house, settings)
    material = gather(order.form, house.bucket, lambda url: house.web(url, order.deadline))
    tree = tree_of(order.portkey, house.configs)
    payers = payers_of(order, tree, house, settings)
    desk = Desk(order, house, settings, material, validate(material), payers, tenant(guest, order))
    run = Run(desk.attempt, desk.facts(), house.clock, order.deadline)
    outcome = run.tree(tree)
    found = outcome.found
    answer = failure(found, order.request_id) if isinstance(found, Fault) else found
    return routed(answer, outcome, order.portkey)


def enter(order: Order, house: House, settings: Settings) -> Guest:
    """Who was let in. Nobody unknown gets further: Unauthorized."""
    if order.trusted:
        return Guest()
    pepper = settings.environment.get("RETOUCH_PEPPER", "")
    return admit(order.caller, settings.auth_mode, pepper, house.keys)


def payers_of(order: Order, tree: Tree, house: House, settings: Settings) -> Payers:
    """Everybody who may pay."""
    known = frozenset(provider.name for provider in house.providers)
    text = settings.environment.get("RETOUCH_VIRTUAL_KEYS", "")
    return Payers(order.caller, order.portkey, tree, known, lambda: virtual_keys(text))


def tenant(guest: Guest, order: Order) -> str:
    """Whose stored answers are shared: those of one gateway key, or, at an open gateway, of one provider key."""
    return guest.name or sha256((order.caller.key or "").encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Desk:
    """What all attempts of one order share."""

    order: Order
    house: House
    settings: Settings
    material: Material
    wish: Wish
    payers: Payers
    tenant: str

    def facts(self) -> Mapping[str, object]:
        """What conditions may ask about."""
        wish, metadata = self.wish, self.order.portkey.metadata
        return facts(self.material.values, wish.images, wish.mask is not None, metadata, EDITS)

    def attempt(self, leaf: Leaf) -> Answer:
        """One target, asked once. Raises Fault."""
        timeout = self.order.portkey.timeout or leaf.timeout or inf
        patience = self.house.clock.now() + timeout
        wish = overridden(self.wish, self.material, leaf.override_params)
        payer, model = self.payers.at(leaf, wish.model)
        wish = replace(wish, model=model)
        caller = replace(payer, host=self._host(leaf), forward=self._forward(leaf))
        order = replace(self.order, caller=caller, patience=patience)
        try:
            guard = admitted(wish, leaf.hooks, order.portkey, self.house.tools)
            attempt = Attempt(wish, order, guard, leaf.cache, self.tenant)
            return once(attempt, self._house(leaf), self.settings)
        except OutOfTime as late:
            if order.ends < patience:
                raise
            raise RequestTimeout(timeout, late.billed) from None

    def _house(self, leaf: Leaf) -> House:
        """The house, less its own patience with a busy provider where the config has rules for that."""
        if not leaf.retry.attempts:
            return self.house
        return replace(self.house, settings=replace(self.house.settings, retry_wait=0.0))

    def _host(self, leaf: Leaf) -> str | None:
        """The base URL that was asked for, if the operator allows it."""
        host = (leaf.custom_host or self.order.portkey.custom_host or "").rstrip("/")
        if host and host not in self.settings.custom_hosts:
            raise InvalidRequest(
                f"The custom host {shown(host)} is not one that this gateway's operator allows. Leave it out.",
                param="x-portkey-custom-host",
                code="custom_host_not_allowed",
            )
        return host or None

    def _forward(self, leaf: Leaf) -> Mapping[str, str]:
        """The caller's headers that go on to the provider, if the operator allows them."""
        asked = self.order.portkey
        named = {name.lower() for name in leaf.forward_headers} & asked.forwardable.keys()
        wanted = {**asked.forward, **{name: asked.forwardable[name] for name in named}}
        for name in wanted:
            if name not in self.settings.forward_headers:
                raise InvalidRequest(
                    f"The header {shown(name)} is not one that this gateway's operator sends on. Leave it out.",
                    param="x-portkey-forward-headers",
                    code="forward_header_not_allowed",
                )
        trace = {"traceparent": asked.traceparent} if asked.traceparent else {}
        return {**trace, **wanted}
