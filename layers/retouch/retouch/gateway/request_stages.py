"""The stages that run once for a request. `retouch.gateway.pipeline` lists them in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from hashlib import sha256
from math import inf

from retouch.core.credentials.client_credentials import ClientCredentials, is_header_safe
from retouch.core.edit_types import EditRequest, ResolvedInputs
from retouch.core.errors import Fault, InvalidRequest, OrderOutcomeUnknown
from retouch.core.frozen_dataclass import frozen_dataclass, replace
from retouch.core.parameters import quote_value
from retouch.core.portkey_types import PortkeyHeaders
from retouch.core.resolved_model import ResolvedModel
from retouch.core.settings import Settings
from retouch.gateway import validation
from retouch.gateway.attempt import Attempt, TargetRequest
from retouch.gateway.authentication import Principal
from retouch.gateway.fetch_inputs import fetch_inputs
from retouch.gateway.guardrails.config import read_guardrails
from retouch.gateway.guardrails.runner import memoize_clients
from retouch.gateway.guardrails.types import GuardrailClients
from retouch.gateway.orders.renewed_links import renew_links
from retouch.gateway.provider_call.attempt_log import AttemptLog
from retouch.gateway.result import AttemptRecord, AttemptResult, EditResult, RoutingReport
from retouch.gateway.routing.conditions import RequestAttributes, request_attributes
from retouch.gateway.routing.config import routing_tree
from retouch.gateway.routing.credential_resolver import (
    CredentialResolver,
    ServingProvider,
    TargetCredentials,
)
from retouch.gateway.routing.custom_hosts import allowed_custom_host
from retouch.gateway.routing.executor import RoutingExecutor
from retouch.gateway.routing.grants import Grants
from retouch.gateway.routing.payer import payer_of
from retouch.gateway.routing.tree import RetryPolicy, RoutingTree, Target, iter_targets
from retouch.gateway.routing.virtual_keys import ProviderNames
from retouch.gateway.services import RequestContext, Services
from retouch.orders.fingerprint import make_fingerprint
from retouch.planning.connection import resolve_connection
from retouch.planning.model_resolution import apply_retirement, default_model_id, find_model
from retouch.tenants.permissions import require_model

EDITS_PATH = "/v1/images/edits"
_RunAttempt = Callable[[Attempt, Services], AttemptResult]


@frozen_dataclass
class RequestWithInputs:
    """A request with the bytes of every image."""

    context: RequestContext
    inputs: ResolvedInputs


@frozen_dataclass
class ValidatedRequest:
    """A request with its typed edit request."""

    context: RequestContext
    inputs: ResolvedInputs
    request: EditRequest


@frozen_dataclass
class RoutedRequest:
    """The targets that may serve a request. Each target is resolved, is connected and has its credential."""

    context: RequestContext
    tree: RoutingTree
    targets: Mapping[str, TargetRequest]  # by path
    attributes: RequestAttributes  # for the conditions of the config
    clients: GuardrailClients  # runs each remote check once per request


def claim_order(context: RequestContext, services: Services) -> RequestContext | EditResult:
    """Claim the request's order, or get the answer of an equal request that has finished it. Raises Fault."""
    if context.order is None:
        return context
    settings, principal = context.settings, context.principal
    remaining = context.deadline - services.clock.now()
    pepper = settings.environment.get("RETOUCH_PEPPER", "")
    answer = context.order.claim(
        cache_partition(principal, context.credentials),
        context.request_id,
        lambda: make_fingerprint(
            EDITS_PATH, context.form, context.credentials, context.portkey, pepper
        ),
        lease_seconds=remaining + settings.deadline_margin + settings.lease_margin,
        deadline=context.deadline,
    )
    if answer is None:
        return context
    now = services.clock.unix_time()
    return EditResult(renew_links(answer, pepper, now, settings.result_url_seconds))


def fetch_request_inputs(context: RequestContext, services: Services) -> RequestWithInputs:
    """Fetch the images that the request names. Raises InvalidRequest."""

    def fetch_image(url: str) -> bytes:
        return services.fetch_image(url, context.deadline)

    return RequestWithInputs(
        context, fetch_inputs(context.form, services.bucket, fetch_image, context.principal)
    )


def validate_request(request: RequestWithInputs, _: Services) -> ValidatedRequest:
    """Check every value and inspect every image. Raises InvalidRequest."""
    edit_request = validation.validate(request.inputs)
    return ValidatedRequest(request.context, request.inputs, edit_request)


def choose_targets(request: ValidatedRequest, services: Services) -> RoutedRequest | EditResult:
    """Resolve every target of the config. A value that any target cannot apply is refused before the first attempt.

    Raises InvalidConfig when the config cannot be used.
    """
    context = request.context
    grants = _caller_grants(context, services)
    tree = routing_tree(context.portkey, grants.load_config, services.header_prefixes)
    try:
        resolved = _resolve_targets(request, tree, grants, services)
        targets = {one.target.path: one for one in resolved}
    except Fault as fault:
        routing = _routing_report(context, "config", 0, ())
        return EditResult(fault, routing=routing)
    edit_request = request.request
    attributes = request_attributes(
        request.inputs.values,
        edit_request.images,
        edit_request.mask is not None,
        context.portkey.metadata,
        EDITS_PATH,
    )
    clients = memoize_clients(services.guardrail_clients)
    return RoutedRequest(context, tree, targets, attributes, clients)


def execute_routing(
    request: RoutedRequest, services: Services, run_attempt: _RunAttempt
) -> EditResult:
    """Try the targets in the order of the config, and return the result with the routing report."""
    context = request.context

    def attempt_target(target: Target) -> AttemptResult:
        attempt = _new_attempt(request, request.targets[target.path], services)
        if context.meter is None:
            return run_attempt(attempt, services)
        return context.meter.measure(attempt, lambda: run_attempt(attempt, services))

    executor = RoutingExecutor(attempt_target, request.attributes, services.clock, context.deadline)
    outcome = executor.execute(_tree_of_order(request))
    result = outcome.result
    routing = _routing_report(context, outcome.target.path, outcome.retries, outcome.attempts)
    return EditResult(result.outcome, result.report, routing)


def _tree_of_order(request: RoutedRequest) -> RoutingTree:
    """Return the targets to try: of an order that was sent earlier, only its target, which is not bought from again.

    Raises OrderOutcomeUnknown when the config no longer has that target.
    """
    held = request.context.held_order
    if held is None or not held.is_resumed:
        return request.tree
    path = held.order.target
    for target in iter_targets(request.tree):
        if target.path == path:
            return replace(target, retry=RetryPolicy())
    raise OrderOutcomeUnknown(
        f"The order {held.order.id} was sent to {path}, which the config no longer has. "
        "Restore this target in the config, and send the request again."
    )


def cache_partition(principal: Principal, credentials: ClientCredentials) -> str:
    """Return the owner of results: a tenant, or a provider key at an open gateway."""
    return principal.owner or sha256((credentials.key or "").encode()).hexdigest()


def _new_attempt(request: RoutedRequest, target: TargetRequest, services: Services) -> Attempt:
    context = request.context
    timeout = context.portkey.timeout or target.target.timeout or inf
    key = context.principal.key
    own_price = key.own_price if key and not target.payer.is_caller else None
    return Attempt(
        context=context,
        settings=context.settings,
        target=target,
        clients=request.clients,
        client_timeout=timeout,
        client_deadline=services.clock.now() + timeout,
        log=AttemptLog(services.clock.now, own_price),
    )


def _routing_report(
    context: RequestContext, target_path: str, retries: int, attempts: tuple[AttemptRecord, ...]
) -> RoutingReport:
    portkey = context.portkey
    return RoutingReport(
        target_path, retries, attempts, portkey.trace_id, portkey.traceparent, portkey.debug
    )


def _resolve_targets(
    request: ValidatedRequest, tree: RoutingTree, grants: Grants, services: Services
) -> Iterator[TargetRequest]:
    """Yield every target with its request, model, credential and guardrails. Raises Fault."""
    context = request.context
    settings, portkey = context.settings, context.portkey
    targets = tuple(iter_targets(tree))
    requests = [
        validation.apply_overrides(request.request, request.inputs, target.override_params)
        for target in targets
    ]
    default_hooks = {f"default_{name}": hook for name, hook in portkey.hooks.items()}
    finder = _ModelFinder(services, settings)
    resolver = _credential_resolver(request, services, grants, finder)
    for edit_request, found in zip(requests, resolver.resolve(targets), strict=True):
        target = found.routed_target.target
        guardrails = read_guardrails({**default_hooks, **target.hooks})
        credentials = replace(
            found.client_credentials,
            custom_host=allowed_custom_host(
                found, portkey.custom_host, isinstance(portkey.config, str), settings
            ),
            forwarded_headers=_allowed_forward_headers(target, portkey, settings),
        )
        model, fault = finder.connect(found, credentials)
        if model is not None:
            require_model(context.principal.key, model.provider.name, model.serving.id)
        yield TargetRequest(
            target,
            replace(edit_request, model=found.routed_target.model),
            credentials,
            guardrails,
            cache_partition(context.principal, credentials),
            model,
            fault,
            payer_of(found.credential, isinstance(portkey.config, str)),
        )


def _caller_grants(context: RequestContext, services: Services) -> Grants:
    return Grants(
        context.principal.key,
        context.settings.grants == "all",
        services.tenants,
        services.load_config,
        context.settings.environment.get("RETOUCH_VIRTUAL_KEYS", ""),
    )


def _credential_resolver(
    request: ValidatedRequest, services: Services, grants: Grants, finder: _ModelFinder
) -> CredentialResolver:
    context = request.context
    providers = {provider.name: provider for provider in services.providers}
    return CredentialResolver(
        context.credentials,
        context.portkey,
        request.request.model,
        ProviderNames(providers, grants.load_granted_virtual_keys, grants.find_own_virtual_key),
        # Most targets name the same few models, so the lookups are cached.
        cache(finder.find),
    )


@frozen_dataclass
class _ModelFinder:
    """The resolver of the connected model that serves a target."""

    services: Services
    settings: Settings

    def find(self, model_id: str | None, provider: str | None) -> ServingProvider:
        """Return the requested provider, and the provider and model that serve the request. Raises InvalidRequest."""
        providers, credentials = self.services.providers, ClientCredentials(provider)
        requested, capabilities = find_model(
            model_id or default_model_id(credentials, providers, self.settings),
            credentials,
            providers,
        )
        resolved = apply_retirement(
            requested, capabilities, providers, self.settings, self.services.clock.today()
        )
        return ServingProvider(requested, resolved.provider, resolved)

    def connect(
        self, target: TargetCredentials, credentials: ClientCredentials
    ) -> tuple[ResolvedModel | None, Fault | None]:
        """Return the connected model, or the Fault that prevents an attempt. The attempt at the target reports it."""
        model = target.serving_provider.model
        try:
            if model is None:
                model = self.find(target.routed_target.model, credentials.provider).model
                assert model is not None, "a model that is found is returned"
            return resolve_connection(model, credentials, self.settings), None
        except Fault as fault:
            return model, fault


def _allowed_forward_headers(
    target: Target, portkey: PortkeyHeaders, settings: Settings
) -> Mapping[str, str]:
    """Return the caller's headers that the provider gets. Raises InvalidRequest for a header that is not allowed."""
    named = {name.lower() for name in target.forward_headers} & portkey.forwardable_headers.keys()
    wanted = {
        **portkey.forwarded_headers,
        **{name: portkey.forwardable_headers[name] for name in named},
    }
    for name, value in wanted.items():
        if name not in settings.forwardable_headers:
            raise InvalidRequest(
                f"The header {quote_value(name)} may not be forwarded at this gateway. Leave it out.",
                param="x-portkey-forward-headers",
                code="forward_header_not_allowed",
            )
        if not is_header_safe(value):
            raise InvalidRequest(
                f"The header {quote_value(name)} has characters that cannot be forwarded. Send printable ASCII.",
                param="x-portkey-forward-headers",
            )
    trace_headers = {"traceparent": portkey.traceparent} if portkey.traceparent else {}
    return {**trace_headers, **wanted}
