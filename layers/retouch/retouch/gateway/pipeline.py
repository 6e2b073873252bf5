"""The corridor: admit, gather, validate, route, and then, at each target, plan, prepare, call, normalise, respond.

Nothing flows back. A Fault raised at a target is caught by `Run`, which may ask the next; any other, by the door.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from math import inf

from retouch.api.response.edit import add_routing_metadata
from retouch.api.response.errors import error_response
from retouch.core.capabilities import collect_header_prefixes
from retouch.core.credentials import ClientCredentials, is_header_safe
from retouch.core.errors import DeadlineExceeded, Fault, InvalidRequest, RequestTimeout
from retouch.core.http import HttpResponse
from retouch.core.models import EditRequest, ResolvedInputs
from retouch.core.parameters import quote_value
from retouch.gateway.attempt import Attempt, run_attempt
from retouch.gateway.authentication import Principal, authenticate_key
from retouch.gateway.guardrails.config import read_guardrails
from retouch.gateway.guardrails.runner import memoize_clients
from retouch.gateway.guardrails.stage import check_request
from retouch.gateway.inputs import fetch_inputs
from retouch.gateway.routing.conditions import request_attributes
from retouch.gateway.routing.config import routing_tree
from retouch.gateway.routing.credential_resolver import CredentialResolver, ServingProvider
from retouch.gateway.routing.executor import RoutingExecutor, RoutingOutcome
from retouch.gateway.routing.tree import RoutingTree, Target, iter_targets
from retouch.gateway.routing.virtual_keys import ProviderNames, parse_virtual_keys
from retouch.gateway.services import RequestContext, Services
from retouch.gateway.validation import validate, with_overrides
from retouch.planning.model_resolution import apply_retirement, default_model_id, find_model

EDITS_PATH = "/v1/images/edits"


def edit_image(context: RequestContext, services: Services) -> HttpResponse:
    """One edit, from order to answer. Raises Fault, nothing else."""
    settings = services.settings.with_secrets(services.read_secrets())
    services = replace(
        services,
        settings=settings,
        guardrail_clients=memoize_clients(services.guardrail_clients),
    )
    principal = authenticate(context, services)
    inputs = fetch_inputs(
        context.form, services.bucket, lambda url: services.fetch_image(url, context.deadline)
    )
    tree = routing_tree(
        context.portkey, services.load_config, collect_header_prefixes(services.providers)
    )
    outcome = EditRun(context, services, inputs, validate(inputs), principal).execute(tree)
    result = outcome.result
    response = error_response(result, context.request_id) if isinstance(result, Fault) else result
    return add_routing_metadata(response, outcome, context.portkey)


def authenticate(context: RequestContext, services: Services) -> Principal:
    """Who was let in. Nobody unknown gets further: Unauthorized. The house's settings have their secrets."""
    if context.iam_authorized:
        return Principal()
    pepper = services.settings.environment.get("RETOUCH_PEPPER", "")
    return authenticate_key(
        context.credentials, services.settings.auth_mode, pepper, services.find_key_name
    )


def cache_partition(principal: Principal, credentials: ClientCredentials) -> str:
    """Whose stored answers are shared: those of one gateway key, or, at an open gateway, of one key that pays."""
    return principal.name or sha256((credentials.key or "").encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class TargetRequest:
    """A target with all that can be known before it is asked: the wish for it, and whom it sees as its caller."""

    target: Target
    request: EditRequest
    credentials: ClientCredentials


@dataclass(frozen=True, slots=True)
class EditRun:
    """What all attempts of one order share."""

    context: RequestContext
    services: Services
    inputs: ResolvedInputs
    request: EditRequest
    principal: Principal

    def execute(self, tree: RoutingTree) -> RoutingOutcome[HttpResponse]:
        """What became of the order. What some target could not follow is refused before any of them is asked."""
        try:
            target_requests = {
                target_request.target.path: target_request
                for target_request in self._target_requests(tree)
            }
        except Fault as fault:
            return RoutingOutcome(fault, Target("config"), 0, ())
        clock, deadline = self.services.clock, self.context.deadline
        executor = RoutingExecutor(
            lambda target: self._attempt_target(target_requests[target.path]),
            self._request_attributes(),
            clock,
            deadline,
        )
        return executor.execute(tree)

    def _target_requests(self, tree: RoutingTree) -> Iterator[TargetRequest]:
        """Every target, checked. Raises Fault."""
        targets = tuple(iter_targets(tree))
        requests = [
            with_overrides(self.request, self.inputs, target.override_params) for target in targets
        ]
        default_hooks = {
            f"default_{name}": hook for name, hook in self.context.portkey.hooks.items()
        }
        for request, target_credentials in zip(
            requests, self._credential_resolver().resolve(targets), strict=True
        ):
            target = target_credentials.routed_target.target
            read_guardrails({**default_hooks, **target.hooks})
            credentials = replace(
                target_credentials.client_credentials,
                custom_host=self._allowed_custom_host(target),
                forwarded_headers=self._allowed_forward_headers(target),
            )
            yield TargetRequest(
                target, replace(request, model=target_credentials.routed_target.model), credentials
            )

    def _credential_resolver(self) -> CredentialResolver:
        """Everybody who may pay."""
        providers = {provider.name: provider for provider in self.services.providers}
        virtual_keys_json = self.services.settings.environment.get("RETOUCH_VIRTUAL_KEYS", "")
        provider_names = ProviderNames(providers, lambda: parse_virtual_keys(virtual_keys_json))
        credentials, portkey = self.context.credentials, self.context.portkey
        # Most targets name the same few models, and each is looked up more than once.
        return CredentialResolver(
            credentials,
            portkey,
            self.request.model,
            provider_names,
            cache(self._find_serving_provider),
        )

    def _find_serving_provider(self, model: str | None, slug: str | None) -> ServingProvider:
        """Who serves a model. InvalidRequest where nobody does."""
        providers, settings = self.services.providers, self.services.settings
        credentials = ClientCredentials(slug)
        requested, capabilities = find_model(
            model or default_model_id(credentials, providers, settings), credentials, providers
        )
        resolved = apply_retirement(
            requested, capabilities, providers, settings, self.services.clock.today()
        )
        return ServingProvider(requested, resolved.provider)

    def _request_attributes(self) -> Mapping[str, object]:
        """What conditions may ask about."""
        request, metadata = self.request, self.context.portkey.metadata
        return request_attributes(
            self.inputs.values, request.images, request.mask is not None, metadata, EDITS_PATH
        )

    def _attempt_target(self, target_request: TargetRequest) -> HttpResponse:
        """One target, asked once. Raises Fault."""
        target = target_request.target
        timeout = self.context.portkey.timeout or target.timeout or inf
        client_deadline = self.services.clock.now() + timeout
        context = replace(
            self.context, credentials=target_request.credentials, client_deadline=client_deadline
        )
        try:
            services = self._services_for_target(target)
            guardrail_run = check_request(
                target_request.request,
                target.hooks,
                context.portkey,
                services.guardrail_clients,
                services.providers,
            )
            partition = cache_partition(self.principal, target_request.credentials)
            attempt = Attempt(
                target_request.request, context, guardrail_run, target.cache, partition
            )
            return run_attempt(attempt, services)
        except DeadlineExceeded as deadline_error:
            if context.effective_deadline < client_deadline:
                raise
            timeout_error = RequestTimeout(timeout, deadline_error.billed)
            timeout_error.headers, timeout_error.log_fields = (
                deadline_error.headers,
                deadline_error.log_fields,
            )
            raise timeout_error from None

    def _services_for_target(self, target: Target) -> Services:
        """The house, less its own patience with a busy provider where the config has rules for that."""
        if not target.retry.attempts:
            return self.services
        return replace(self.services, settings=replace(self.services.settings, max_retry_wait=0.0))

    def _allowed_custom_host(self, target: Target) -> str | None:
        """The base URL that was asked for, if the operator allows it."""
        host = (target.custom_host or self.context.portkey.custom_host or "").rstrip("/")
        if host and host not in self.services.settings.allowed_custom_hosts:
            raise InvalidRequest(
                f"The custom host {quote_value(host)} is not one that this gateway's operator allows. Leave it out.",
                param="x-portkey-custom-host",
                code="custom_host_not_allowed",
            )
        return host or None

    def _allowed_forward_headers(self, target: Target) -> Mapping[str, str]:
        """The caller's headers that go on to the provider, if the operator allows them."""
        portkey = self.context.portkey
        target_names = {
            name.lower() for name in target.forward_headers
        } & portkey.forwardable_headers.keys()
        wanted_headers = {
            **portkey.forwarded_headers,
            **{name: portkey.forwardable_headers[name] for name in target_names},
        }
        for name in wanted_headers:
            if name not in self.services.settings.forwardable_headers:
                raise InvalidRequest(
                    f"The header {quote_value(name)} is not one that this gateway's operator sends on. Leave it out.",
                    param="x-portkey-forward-headers",
                    code="forward_header_not_allowed",
                )
            if not is_header_safe(wanted_headers[name]):
                raise InvalidRequest(
                    f"The header {quote_value(name)} has characters that cannot be sent on. Send printable ASCII.",
                    param="x-portkey-forward-headers",
                )
        trace_headers = {"traceparent": portkey.traceparent} if portkey.traceparent else {}
        return {**trace_headers, **wanted_headers}
