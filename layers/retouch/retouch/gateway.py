"""The corridor: admit, gather, validate, route, and then, at each target, plan, prepare, call, normalise, respond.

Nothing flows back. A Fault raised at a target is caught by `Run`, which may ask the next; any other, by the door.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from math import inf

from retouch import guardrails
from retouch.admission import Guest, admit
from retouch.attempt import Attempt, once
from retouch.cards import families
from retouch.errors import Fault, InvalidRequest, OutOfTime, RequestTimeout
from retouch.gather import gather
from retouch.guarded import admitted
from retouch.house import House, Order
from retouch.messages import Material, Wish
from retouch.plan.resolve import default_id, find, succeed
from retouch.respond import routed
from retouch.routing.asked import tree_of
from retouch.routing.facts import facts
from retouch.routing.names import Names
from retouch.routing.paying import Payers, Served
from retouch.routing.run import Outcome, Run
from retouch.routing.saved import virtual_keys
from retouch.routing.tree import Leaf, Tree, leaves
from retouch.specs import shown
from retouch.wire.answer import Answer, failure
from retouch.wire.caller import Caller, sendable
from retouch.wire.wish import overridden, validate

EDITS = "/v1/images/edits"


def edit(order: Order, house: House) -> Answer:
    """One edit, from order to answer. Raises Fault, nothing else."""
    settings = house.settings.with_secrets(house.secrets())
    house = replace(house, settings=settings, tools=guardrails.asked_once(house.tools))
    guest = enter(order, house)
    material = gather(order.form, house.bucket, lambda url: house.web(url, order.deadline))
    tree = tree_of(order.portkey, house.configs, families(house.providers))
    outcome = Desk(order, house, material, validate(material), guest).ask(tree)
    found = outcome.found
    answer = failure(found, order.request_id) if isinstance(found, Fault) else found
    return routed(answer, outcome, order.portkey)


def enter(order: Order, house: House) -> Guest:
    """Who was let in. Nobody unknown gets further: Unauthorized. The house's settings have their secrets."""
    if order.trusted:
        return Guest()
    pepper = house.settings.environment.get("RETOUCH_PEPPER", "")
    return admit(order.caller, house.settings.auth_mode, pepper, house.keys)


def tenant(guest: Guest, payer: Caller) -> str:
    """Whose stored answers are shared: those of one gateway key, or, at an open gateway, of one key that pays."""
    return guest.name or sha256((payer.key or "").encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Visit:
    """A target with all that can be known before it is asked: the wish for it, and whom it sees as its caller."""

    leaf: Leaf
    wish: Wish
    caller: Caller


@dataclass(frozen=True, slots=True)
class Desk:
    """What all attempts of one order share."""

    order: Order
    house: House
    material: Material
    wish: Wish
    guest: Guest

    def ask(self, tree: Tree) -> Outcome[Answer]:
        """What became of the order. What some target could not follow is refused before any of them is asked."""
        try:
            visits = {visit.leaf.path: visit for visit in self._visits(tree)}
        except Fault as refused:
            return Outcome(refused, Leaf("config"), 0, ())
        clock, deadline = self.house.clock, self.order.deadline
        run = Run(lambda leaf: self._attempt(visits[leaf.path]), self._facts(), clock, deadline)
        return run.tree(tree)

    def _visits(self, tree: Tree) -> Iterator[Visit]:
        """Every target, checked. Raises Fault."""
        targets = tuple(leaves(tree))
        wishes = [overridden(self.wish, self.material, leaf.override_params) for leaf in targets]
        default = {f"default_{name}": hook for name, hook in self.order.portkey.hooks.items()}
        for wish, paid in zip(wishes, self._payers().settle(targets), strict=True):
            leaf = paid.stop.leaf
            guardrails.read({**default, **leaf.hooks})
            caller = replace(paid.caller, host=self._host(leaf), forward=self._forward(leaf))
            yield Visit(leaf, replace(wish, model=paid.stop.model), caller)

    def _payers(self) -> Payers:
        """Everybody who may pay."""
        providers = {provider.name: provider for provider in self.house.providers}
        text = self.house.settings.environment.get("RETOUCH_VIRTUAL_KEYS", "")
        names = Names(providers, lambda: virtual_keys(text))
        caller, asked = self.order.caller, self.order.portkey
        # Most targets name the same few models, and each is looked up more than once.
        return Payers(caller, asked, self.wish.model, names, cache(self._served))

    def _served(self, model: str | None, slug: str | None) -> Served:
        """Who serves a model. InvalidRequest where nobody does."""
        providers, settings = self.house.providers, self.house.settings
        caller = Caller(slug)
        asked, card = find(model or default_id(caller, providers, settings), caller, providers)
        target = succeed(asked, card, providers, settings, self.house.clock.today())
        return Served(asked, target.provider)

    def _facts(self) -> Mapping[str, object]:
        """What conditions may ask about."""
        wish, metadata = self.wish, self.order.portkey.metadata
        return facts(self.material.values, wish.images, wish.mask is not None, metadata, EDITS)

    def _attempt(self, visit: Visit) -> Answer:
        """One target, asked once. Raises Fault."""
        leaf = visit.leaf
        timeout = self.order.portkey.timeout or leaf.timeout or inf
        patience = self.house.clock.now() + timeout
        order = replace(self.order, caller=visit.caller, patience=patience)
        try:
            house = self._house(leaf)
            guard = admitted(visit.wish, leaf.hooks, order.portkey, house.tools, house.providers)
            whose = tenant(self.guest, visit.caller)
            attempt = Attempt(visit.wish, order, guard, leaf.cache, whose)
            return once(attempt, house)
        except OutOfTime as late:
            if order.ends < patience:
                raise
            hasty = RequestTimeout(timeout, late.billed)
            hasty.headers, hasty.facts = late.headers, late.facts
            raise hasty from None

    def _house(self, leaf: Leaf) -> House:
        """The house, less its own patience with a busy provider where the config has rules for that."""
        if not leaf.retry.attempts:
            return self.house
        return replace(self.house, settings=replace(self.house.settings, retry_wait=0.0))

    def _host(self, leaf: Leaf) -> str | None:
        """The base URL that was asked for, if the operator allows it."""
        host = (leaf.custom_host or self.order.portkey.custom_host or "").rstrip("/")
        if host and host not in self.house.settings.custom_hosts:
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
            if name not in self.house.settings.forward_headers:
                raise InvalidRequest(
                    f"The header {shown(name)} is not one that this gateway's operator sends on. Leave it out.",
                    param="x-portkey-forward-headers",
                    code="forward_header_not_allowed",
                )
            if not sendable(wanted[name]):
                raise InvalidRequest(
                    f"The header {shown(name)} has characters that cannot be sent on. Send printable ASCII.",
                    param="x-portkey-forward-headers",
                )
        trace = {"traceparent": asked.traceparent} if asked.traceparent else {}
        return {**trace, **wanted}
