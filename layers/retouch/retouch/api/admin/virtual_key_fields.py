"""The fields of a virtual key in the bodies and answers of the admin API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from retouch.api.admin.fields import FieldReader
from retouch.api.admin.limit_fields import (
    read_rate_limits,
    read_usage_limits,
    show_limits,
    show_rate_limits,
)
from retouch.api.admin.times import show_time
from retouch.core.capabilities import API_KEY_SETTING, Provider
from retouch.core.credentials.client_credentials import key_problem
from retouch.core.errors import InvalidRequest
from retouch.tenants.keys import VirtualKeyRecord
from retouch.tenants.reader import is_expired

# Portkey's fields, and how the option of a provider ends that says the same.
_CAMEL_OPTIONS = {
    "apiVersion": ("api-version",),
    "resourceName": ("resource-name",),
    "deploymentName": ("deployment-id", "deployment-name"),
}
_MASKED_MIN_CHARS = 16  # a shorter key is not shown in part
_MAX_SECRET_CHARS = 4096  # of a parameter


def read_provider(fields: FieldReader, providers: tuple[Provider, ...]) -> Provider:
    """Return the provider that the body names, with or without "@". Raises InvalidRequest."""
    text = fields.text("provider", 64) or fields.text("integration_id", 64)
    slug = text.removeprefix("@").lower()
    for provider in providers:
        if provider.name == slug:
            return provider
    raise InvalidRequest(
        "'provider' must be a provider of this gateway; GET /v1/models lists them as 'owned_by'.",
        param="provider",
    )


def read_secret(fields: FieldReader, provider: Provider) -> str:
    """Return the provider's key. Raises InvalidRequest, which never repeats it."""
    value = fields.raw("key")
    if provider.auth is None:
        raise fields.error(
            "provider", f"is {provider.name}, which needs no key; edits use it without one"
        )
    text = value.strip() if isinstance(value, str) else ""
    problem = "is required" if not text else key_problem(text)
    if problem or len(text) > _MAX_SECRET_CHARS:
        raise fields.error("key", problem or f"must have at most {_MAX_SECRET_CHARS} characters")
    return text


def read_virtual_key_changes(
    fields: FieldReader, provider: Provider, stored: VirtualKeyRecord
) -> dict[str, Any]:
    """Return the fields of the record that the body names. Raises InvalidRequest."""
    readers: dict[str, Callable[[], Any]] = {
        "name": lambda: fields.required_text("name", 128),
        "note": lambda: fields.text("note"),
        "usage_limits": lambda: read_usage_limits(fields, stored.usage_limits),
        "rate_limits": lambda: read_rate_limits(fields),
        "expires_at": lambda: fields.time("expires_at"),
    }
    changes = {name: read() for name, read in readers.items() if fields.has(name)}
    if any(fields.has(name) for name in ("options", *_CAMEL_OPTIONS)):
        changes["options"] = _read_options(fields, provider)
    return changes


def mask_secret(secret: str) -> str:
    """Return a key so that its owner recognizes it and nobody can use it: sk-...x4f2."""
    return f"{secret[:3]}...{secret[-4:]}" if len(secret) >= _MASKED_MIN_CHARS else "..."


def virtual_key_document(virtual_key: VirtualKeyRecord, now: int) -> Mapping[str, Any]:
    """Return a virtual key as the API shows it."""
    return {
        "id": virtual_key.slug,
        "slug": virtual_key.slug,
        "name": virtual_key.name,
        "note": virtual_key.note or None,
        "provider": virtual_key.provider,
        "ai_provider_name": virtual_key.provider,
        "key": virtual_key.masked_key,
        "options": dict(virtual_key.options),
        "workspace_id": virtual_key.workspace_id,
        "status": "expired" if is_expired(virtual_key.expires_at, now) else "active",
        "usage_limits": show_limits(virtual_key.usage_limits, now),
        "rate_limits": show_rate_limits(virtual_key.rate_limits),
        "expires_at": show_time(virtual_key.expires_at),
        "created_at": show_time(virtual_key.created_at),
        "last_updated_at": show_time(virtual_key.last_updated_at),
    }


def _read_options(fields: FieldReader, provider: Provider) -> dict[str, str]:
    options = fields.text_map("options")
    for name, endings in _CAMEL_OPTIONS.items():
        text = fields.text(name, 256)
        if text:
            options[_option_name(provider, endings, name)] = text
    for name, value in options.items():
        setting = provider.portkey_settings.get(name)
        if setting is None or setting == API_KEY_SETTING:
            raise InvalidRequest(
                f"'{name[:64]}' is not an option of {provider.title} that a virtual key may have. Leave it out.",
                param="options",
            )
        if problem := key_problem(value):
            raise InvalidRequest(f"'{name}' {problem}.", param="options")
    return options


def _option_name(provider: Provider, endings: tuple[str, ...], field: str) -> str:
    for name in provider.portkey_settings:
        if name.endswith(endings):
            return name
    raise InvalidRequest(
        f"'{field}' is not an option of {provider.title}. Leave it out.", param=field
    )
