"""Resolution of the credential for each target.

A target uses exactly one credential, the first that exists of: its own key, its virtual key, the request's virtual
key, the request's own key if it is for that provider, the operator's key. Options are sent only with the key they came
with. An option or key that does not apply is refused by name; it is never ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from retouch.core.capabilities import Provider
from retouch.core.credentials.client_credentials import ClientCredentials
from retouch.core.errors import InvalidRequest, Unauthorized
from retouch.core.frozen_dataclass import frozen_dataclass, replace
from retouch.core.parameters import quote_value
from retouch.core.portkey_types import PORTKEY_PREFIX, PortkeyHeaders
from retouch.core.resolved_model import ResolvedModel
from retouch.gateway.config_reader import InvalidConfig
from retouch.gateway.routing import credential_rules as pay
from retouch.gateway.routing.credential_rules import (
    SOURCE_OPERATOR,
    SOURCE_REQUEST,
    SOURCE_TARGET,
    Credential,
)
from retouch.gateway.routing.tree import Target
from retouch.gateway.routing.virtual_keys import ProviderNames, ProviderRef, VirtualKey


@frozen_dataclass
class ServingProvider:
    """The provider that was requested for a model, and the provider that serves the model today.

    They may differ when a successor serves a retired model.
    """

    requested: Provider
    serving: Provider
    model: ResolvedModel | None = None  # None: there is no such model; the attempt reports it


@frozen_dataclass
class RoutedTarget:
    """A target with the model that this request uses there, and the provider that the target names."""

    target: Target
    model: str | None  # without the "@name/" prefix of a virtual key
    provider_ref: ProviderRef


@frozen_dataclass
class TargetCredentials:
    """A target with its serving provider, its credential and the client credentials that the provider gets."""

    routed_target: RoutedTarget
    serving_provider: ServingProvider
    credential: Credential
    client_credentials: ClientCredentials


@frozen_dataclass
class CredentialResolver:
    """The resolver of the credentials for all targets of one request."""

    client_credentials: ClientCredentials
    portkey: PortkeyHeaders
    model: str | None  # the request's model
    provider_names: ProviderNames
    # (model, slug) -> provider
    find_serving_provider: Callable[[str | None, str | None], ServingProvider]

    def resolve(self, targets: Iterable[Target]) -> list[TargetCredentials]:
        """Return the credentials of all targets.

        Raises InvalidRequest or Unauthorized when a key or option of the request applies to no target.
        """
        request_ref = self._resolve_request_ref()
        routed_targets = [self._route_target(target) for target in targets]
        key_providers = self._request_key_providers(request_ref, routed_targets)
        resolved = [
            self._resolve_target(routed_target, request_ref, key_providers)
            for routed_target in routed_targets
        ]
        for target_credentials in resolved:
            self._check_options(target_credentials)
            _check_successor(target_credentials)
        self._check_unused_inputs(request_ref, resolved)
        return resolved

    def _resolve_target(
        self, routed_target: RoutedTarget, request_ref: ProviderRef, key_providers: frozenset[str]
    ) -> TargetCredentials:
        credential = (
            self._target_key_credential(routed_target, request_ref)
            or self._target_virtual_key_credential(routed_target)
            or self._request_virtual_key_credential(routed_target, request_ref)
            or self._request_key_credential(routed_target, request_ref, key_providers)
            or self._operator_credential(routed_target, request_ref)
        )
        slug = (
            credential.virtual_key.provider
            if credential.virtual_key
            else _provider_slug(routed_target, request_ref)
        )
        client_credentials = replace(
            self.client_credentials,
            provider=slug,
            key=credential.key,
            options=credential.options,
            is_virtual_key=credential.virtual_key is not None,
        )
        return TargetCredentials(
            routed_target,
            self._serving_provider(routed_target, slug),
            credential,
            client_credentials,
        )

    def _target_key_credential(
        self, routed_target: RoutedTarget, request_ref: ProviderRef
    ) -> Credential | None:
        if routed_target.provider_ref.virtual_key:
            return None
        provider = self._serving_provider(
            routed_target, _provider_slug(routed_target, request_ref)
        ).requested
        return pay.credential_from_key(
            SOURCE_TARGET, provider, routed_target.target.key, routed_target.target.options
        )

    def _target_virtual_key_credential(self, routed_target: RoutedTarget) -> Credential | None:
        return (
            self._virtual_key_credential(routed_target, routed_target.provider_ref.virtual_key)
            if routed_target.provider_ref.virtual_key
            else None
        )

    def _request_virtual_key_credential(
        self, routed_target: RoutedTarget, request_ref: ProviderRef
    ) -> Credential | None:
        virtual_key = request_ref.virtual_key
        applies = virtual_key is not None and routed_target.provider_ref.provider in (
            None,
            virtual_key.provider,
        )
        return (
            self._virtual_key_credential(routed_target, virtual_key)
            if virtual_key and applies
            else None
        )

    def _request_key_credential(
        self, routed_target: RoutedTarget, request_ref: ProviderRef, key_providers: frozenset[str]
    ) -> Credential | None:
        provider = self._serving_provider(
            routed_target, _provider_slug(routed_target, request_ref)
        ).requested
        key = self.client_credentials.key if provider.name in key_providers else None
        header_options = self.portkey.options.items()
        options = {
            name: value
            for name, value in header_options
            if name.startswith(provider.header_prefixes)
        }
        return pay.credential_from_key(
            SOURCE_REQUEST, provider, key, {**options, **routed_target.target.options}
        )

    def _operator_credential(
        self, routed_target: RoutedTarget, request_ref: ProviderRef
    ) -> Credential:
        return pay.operator_credential(
            self._serving_provider(
                routed_target, _provider_slug(routed_target, request_ref)
            ).requested
        )

    def _virtual_key_credential(
        self, routed_target: RoutedTarget, virtual_key: VirtualKey
    ) -> Credential:
        return pay.credential_from_virtual_key(
            virtual_key, self._serving_provider(routed_target, virtual_key.provider).requested
        )

    def _resolve_request_ref(self) -> ProviderRef:
        """Return the provider and virtual key that the request's headers and model name for all targets.

        Raises InvalidRequest when they name two different ones.
        """
        provider_ref = self.provider_names.resolve_provider(self.client_credentials.provider)
        name, (_, model_virtual_key) = (
            self.portkey.virtual_key,
            self.provider_names.split_model(self.model),
        )
        header_virtual_key = self.provider_names.require_virtual_key(name) if name else None
        slug = None if provider_ref.virtual_key else provider_ref.provider
        virtual_key = _single_virtual_key(
            (provider_ref.virtual_key, header_virtual_key, model_virtual_key), slug, "the request"
        )
        if virtual_key and slug and self.client_credentials.key:
            raise _ambiguity_error(
                f"the request: the virtual key {quote_value(virtual_key.name)} and a key for {quote_value(slug)}"
            )
        return ProviderRef(slug, virtual_key)

    def _route_target(self, target: Target) -> RoutedTarget:
        """Return the target with its model and provider.

        Raises InvalidRequest when the target and its model name two different providers or keys.
        """
        has_own_model = "model" in target.override_params
        model, model_virtual_key = self.provider_names.split_model(
            target.override_params.get("model", self.model)
        )
        provider_ref = self.provider_names.resolve_provider(target.provider)
        if provider_ref.provider and provider_ref.provider not in self.provider_names.providers:
            provider_ref = ProviderRef(
                None, self.provider_names.require_virtual_key(provider_ref.provider)
            )
        target_virtual_key = (
            self.provider_names.require_virtual_key(target.virtual_key)
            if target.virtual_key
            else None
        )
        virtual_key = _single_virtual_key(
            (provider_ref.virtual_key, target_virtual_key, model_virtual_key),
            provider_ref.provider,
            target.path,
        )
        if virtual_key is None:
            prefix = self.provider_names.provider_prefix(model) if has_own_model and model else None
            return RoutedTarget(target, model, ProviderRef(provider_ref.provider or prefix))
        if target.key:
            raise _ambiguity_error(
                f"{target.path}: the virtual key {quote_value(virtual_key.name)} and a key of its own"
            )
        return RoutedTarget(target, model, ProviderRef(virtual_key.provider, virtual_key))

    def _serving_provider(self, routed_target: RoutedTarget, slug: str | None) -> ServingProvider:
        """Return the serving provider of a target.

        A target that names only its provider may not have the request's model. Its attempt then fails later.
        """
        try:
            return self.find_serving_provider(routed_target.model, slug)
        except InvalidRequest:
            provider = self.provider_names.providers.get(routed_target.provider_ref.provider or "")
            if provider is None or "model" in routed_target.target.override_params:
                raise
            return ServingProvider(provider, provider)

    def _request_key_providers(
        self, request_ref: ProviderRef, routed_targets: Sequence[RoutedTarget]
    ) -> frozenset[str]:
        """Return the providers that the request's own key is for: the named one, or the only one of all targets."""
        if self.client_credentials.key is None:
            return frozenset()
        if request_ref.provider:
            return frozenset((request_ref.provider,))
        requested_providers = [
            self._serving_provider(routed_target, routed_target.provider_ref.provider).requested
            for routed_target in routed_targets
        ]
        names = frozenset(provider.name for provider in requested_providers if provider.auth)
        return names if len(names) == 1 else frozenset()

    def _check_options(self, target_credentials: TargetCredentials) -> None:
        target, credential = target_credentials.routed_target.target, target_credentials.credential
        for name, value in self.portkey.options.items():
            pay.check_header_option(name, credential)
            if credential.source == SOURCE_REQUEST and target.options.get(name, value) != value:
                rule = f"is not what {PORTKEY_PREFIX}{name} says; leave one of them out"
                raise InvalidConfig(pay.option_path(target, name), rule)
        for name in target.options:
            pay.check_config_option(name, target, credential)

    def _check_unused_inputs(
        self, request_ref: ProviderRef, resolved: Sequence[TargetCredentials]
    ) -> None:
        """Raise InvalidRequest or Unauthorized when an option, or the request's key, is used at no target.

        The gateway never replaces an unused key of the request by the operator's key.
        """
        header_prefixes = tuple(
            header_prefix
            for target_credentials in resolved
            for header_prefix in target_credentials.serving_provider.requested.header_prefixes
        )
        for name in self.portkey.options:
            if not name.startswith(header_prefixes):
                raise InvalidRequest(
                    f"{PORTKEY_PREFIX}{name} applies to none of the providers that serve this request. Leave it out.",
                    param=f"{PORTKEY_PREFIX}{name}",
                )
        credentials = [target_credentials.credential for target_credentials in resolved]
        if request_ref.virtual_key and not any(
            credential.virtual_key == request_ref.virtual_key for credential in credentials
        ):
            _check_unused_credential(
                credentials,
                f"The virtual key {quote_value(request_ref.virtual_key.name)}",
                request_ref.virtual_key.provider,
            )
        elif self.client_credentials.key and not any(
            credential.key == self.client_credentials.key for credential in credentials
        ):
            _check_unused_credential(credentials, "The request's own key", request_ref.provider)


def _provider_slug(routed_target: RoutedTarget, request_ref: ProviderRef) -> str | None:
    return routed_target.provider_ref.provider or request_ref.provider


def _single_virtual_key(
    candidates: Iterable[VirtualKey | None], slug: str | None, location: str
) -> VirtualKey | None:
    """Return the one virtual key that is named, once or several times, or None.

    Raises InvalidRequest when two keys are named, or when the key's provider differs from the named provider.
    """
    virtual_keys = [virtual_key for virtual_key in candidates if virtual_key]
    for virtual_key in virtual_keys:
        if virtual_key != virtual_keys[0]:
            raise _ambiguity_error(
                f"{location}: the virtual keys {quote_value(virtual_keys[0].name)} and {quote_value(virtual_key.name)}"
            )
        if slug not in (None, virtual_key.provider):
            raise _ambiguity_error(
                f"{location}: {quote_value(slug)} and the virtual key {quote_value(virtual_key.name)} "
                "of another provider"
            )
    return virtual_keys[0] if virtual_keys else None


def _ambiguity_error(location: str) -> InvalidRequest:
    return InvalidRequest(f"Two providers or keys are named at {location}. Leave one of them out.")


def _check_successor(target_credentials: TargetCredentials) -> None:
    serving_provider, credential = (
        target_credentials.serving_provider,
        target_credentials.credential,
    )
    if credential.key and serving_provider.serving.name != serving_provider.requested.name:
        raise InvalidRequest(
            f"{serving_provider.requested.title} has retired the model "
            f"{quote_value(target_credentials.routed_target.model)} and {serving_provider.serving.title} serves it, "
            f"but {credential.source} is not for that provider. Name another model.",
            param="model",
        )


def _check_unused_credential(
    credentials: Iterable[Credential], unused_credential: str, slug: str | None
) -> None:
    """Refuse a key of the request that no target uses, unless every target has its own key."""
    providers = [
        credential.provider
        for credential in credentials
        if credential.source in (SOURCE_REQUEST, SOURCE_OPERATOR)
    ]
    provider_names = ", ".join(sorted({provider.name for provider in providers if provider.auth}))
    if provider_names and slug:
        raise InvalidRequest(
            f"{unused_credential} is for {quote_value(slug)}, and the request is served by {provider_names}. "
            "Leave one of them out."
        )
    if provider_names:
        raise Unauthorized(
            f"{unused_credential} may be for any of several providers, so it is sent to none. Name its provider in "
            "x-portkey-provider, or write keys into the config's targets."
        )
