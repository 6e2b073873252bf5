"""The refusal of requests with a key of the gateway in a place from which it could leave the gateway."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial

from retouch.api.request.credentials import KEY_HEADERS, has_gateway_key
from retouch.core.credentials.gateway_keys import contains_gateway_key, contains_plain_key
from retouch.core.edit_types import ImageInput, ImageReference, MaskShapes, ParsedForm
from retouch.core.errors import InvalidRequest
from retouch.core.parameters import quote_value
from retouch.core.portkey_types import PORTKEY_PREFIX
from retouch.core.settings import Settings

KeySearch = Callable[[str], bool]


def key_search(own_key: str, settings: Settings) -> KeySearch:
    """Return the function that says whether a text contains a key of the gateway. `settings` include the secrets.

    A gateway without a pepper has no keys of its own. There a text is searched only for a key as it is, because the
    search for packed keys takes longer. `own_key` is the key of the caller.
    """
    if own_key or settings.environment.get("RETOUCH_PEPPER"):
        return partial(contains_gateway_key, own_key=own_key)
    return contains_plain_key


def reject_keys_in_headers(
    headers: Mapping[str, str], forwardable_names: Iterable[str], contains_key: KeySearch
) -> None:
    """Raise InvalidRequest for a key in a header whose value may reach a provider, a webhook or a log.

    The caller's key itself is in one of the key headers. Headers that the gateway does not pass on are not checked.
    """
    names = {*KEY_HEADERS, *forwardable_names}
    for name, value in headers.items():
        is_passed_on = name in names or name.startswith(PORTKEY_PREFIX)
        if is_passed_on and not has_gateway_key(name, value) and contains_key(value):
            raise gateway_key_error(name)


def reject_keys_in_form(form: ParsedForm, contains_key: KeySearch) -> None:
    """Raise InvalidRequest for a key in a field or in the URL of an image."""
    for name, text in _form_texts(form):
        if contains_key(text):
            raise gateway_key_error(name)


def reject_keys_in_urls(urls: Iterable[str], own_key: str) -> None:
    """Raise InvalidRequest for a key in a URL that is to be fetched."""
    for index, url in enumerate(urls):
        if contains_gateway_key(url, own_key):
            raise gateway_key_error(f"urls[{index}]")


def gateway_key_error(name: str) -> InvalidRequest:
    """Return the error for a header or a field that contains a key. It does not repeat the value."""
    return InvalidRequest(
        f"{quote_value(name)} contains a key of this gateway, which the gateway never passes on. Send the key only as "
        "'Authorization: Bearer rt_...' or 'x-portkey-api-key: rt_...'.",
        param=name[:64],
        code="gateway_key_refused",
    )


def _form_texts(form: ParsedForm) -> Iterator[tuple[str, str]]:
    for name, value in form.values.items():
        yield "the name of a field", name
        yield name, str(value)
    for image in (*form.images, form.mask):
        yield from _image_texts(image)


def _image_texts(image: ImageInput | MaskShapes | None) -> Iterator[tuple[str, str]]:
    if isinstance(image, ImageReference):
        yield image.field, image.name
