"""Decides what an object in the inbox becomes: an edit, or an object that is skipped or refused with a reason.

Everything here may run twice. The key of the edit names the version of each file, so the same files are bought once,
whichever event comes first. The key does not name the recipe's version: an event that is delivered again after the
recipe has changed finds the order that it has started.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from hashlib import sha256
from typing import Any, Literal

import pybase64

from retouch.core.errors import Fault, InvalidRequest, NotFound, TooLarge
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.parameters import quote_value
from retouch.inbox.object_names import (
    INBOX_PREFIX,
    InboxName,
    failure_key,
    is_match,
    is_valid_key,
    output_key,
    read_inbox_key,
    recipe_failure_key,
    recipe_key,
)
from retouch.inbox.overrides import parse_sidecar, read_prompt
from retouch.inbox.recipe import InvalidRecipe, Recipe, is_recipe_name
from retouch.inbox.recipe_cache import RecipeCache
from retouch.inbox.store import InboxFile, InboxStore, ListedObject, ObjectCreated
from retouch.orders.destination import InboxTarget

MAX_OBJECT_BYTES = 50_000_000
_DIGEST_LENGTH = 16
# not_in_inbox: another folder, or a folder marker. no_match: the recipe does not take the name. result: the gateway has
# written it. waiting: the object that belongs to it is not there yet, and will have its own event. superseded: a newer
# version is there, which has its own event.
SkipReason = Literal["not_in_inbox", "no_match", "result", "waiting", "superseded"]


@frozen_dataclass
class SkippedObject:
    """Nothing is to do for the event."""

    reason: SkipReason


@frozen_dataclass
class RefusedObject:
    """The object can never be edited."""

    fault: Fault
    target: InboxTarget


@frozen_dataclass
class ObjectEdit:
    """The edit of one object."""

    values: Mapping[str, Any] = field(repr=False)  # the edit in the JSON form of the API
    key: str  # equal for all events of the same files
    recipe: Recipe
    target: InboxTarget


Intake = SkippedObject | RefusedObject | ObjectEdit


def take_object(event: ObjectCreated, store: InboxStore, recipes: RecipeCache) -> Sequence[Intake]:
    """Return what the event starts. The mask of several photos starts several edits. Raises InboxUnavailable."""
    name = read_inbox_key(event.key)
    if name is None:
        return [SkippedObject("not_in_inbox")]
    try:
        recipe = _find_recipe(event, name, recipes)
    except InvalidRecipe as fault:
        return [RefusedObject(fault, _target(event, name, "", recipe_failure_key(name.recipe)))]
    except NotFound as fault:
        return [RefusedObject(fault, _target(event, name, "", failure_key(name)))]
    needs_list = recipe.has_mask_file or recipe.sidecar != "none"
    siblings = store.list_objects(event.bucket, name.sibling_prefix) if needs_list else []
    photos = _photos_of(event, name, recipe, siblings)
    if isinstance(photos, SkippedObject):
        return [photos]
    return [_take_photo(photo, recipe, siblings, store) for photo in photos]


def _find_recipe(event: ObjectCreated, name: InboxName, recipes: RecipeCache) -> Recipe:
    if not is_recipe_name(name.recipe):
        raise NotFound(
            f"The object {quote_value(event.key)} is in no folder of a recipe. Put it below {INBOX_PREFIX}<recipe>/, "
            f"and the recipe at {recipe_key('<recipe>')}.",
            code="recipe_not_found",
        )
    recipe = recipes.find(event.bucket, name.recipe)
    if recipe is None:
        raise NotFound(
            f"There is no recipe at {recipe_key(name.recipe)} in the bucket {event.bucket}. Write it, and put the "
            "object into the inbox again.",
            code="recipe_not_found",
        )
    return recipe


def _photos_of(
    event: ObjectCreated, name: InboxName, recipe: Recipe, siblings: Sequence[ListedObject]
) -> Sequence[ObjectCreated] | SkippedObject:
    """Return the photos that the event is about: the object itself, or those that it belongs to."""
    is_mask = recipe.has_mask_file and name.is_mask
    is_sidecar = recipe.sidecar != "none" and name.is_sidecar
    if not (is_mask or is_sidecar):
        return [event] if is_match(name.name, recipe.match) else SkippedObject("no_match")
    photos = [
        ObjectCreated(event.bucket, one.key, one.etag, one.size)
        for one in siblings
        if (photo := read_inbox_key(one.key))
        and is_match(photo.name, recipe.match)
        and (name.is_mask_of(photo) if is_mask else name.is_sidecar_of(photo))
    ]
    return photos or SkippedObject("waiting")


def _take_photo(
    photo: ObjectCreated, recipe: Recipe, siblings: Sequence[ListedObject], store: InboxStore
) -> Intake:
    name = read_inbox_key(photo.key)
    assert name, "the caller has read it"
    target = _target(photo, name, recipe.output, failure_key(name))
    try:
        _check_size(photo.size)
        _check_output(recipe, name)
        files = _read_files(photo, name, recipe, siblings, store)
        if isinstance(files, SkippedObject):
            return files
        return _make_edit(photo, files, recipe, target)
    except InvalidRequest as fault:
        return RefusedObject(fault, target)


@frozen_dataclass
class _Files:
    photo: InboxFile
    mask: InboxFile | None
    sidecar: InboxFile | None

    @property
    def last_modified(self) -> float:
        return max(file.modified for file in (self.photo, self.mask, self.sidecar) if file)


def _read_files(
    photo: ObjectCreated,
    name: InboxName,
    recipe: Recipe,
    siblings: Sequence[ListedObject],
    store: InboxStore,
) -> _Files | SkippedObject:
    """Return the files of the edit as they are now. Raises InvalidRequest for a size that no edit has."""
    names = [(one, sibling) for one in siblings if (sibling := read_inbox_key(one.key))]
    mask = next((one for one, other in names if other.is_mask_of(name)), None)
    sidecar = next((one for one, other in names if other.is_sidecar_of(name)), None)
    is_mask_missing = recipe.has_mask_file and mask is None
    is_sidecar_missing = recipe.sidecar == "required" and sidecar is None
    if is_mask_missing or is_sidecar_missing:
        return SkippedObject("waiting")
    stored = store.read(photo.bucket, photo.key, photo.etag)
    if stored is None:
        return SkippedObject("superseded")
    if stored.is_own:
        return SkippedObject("result")
    _check_size(len(stored.data))
    read = _SiblingReader(photo.bucket, store)
    stored_mask = read.read(mask) if recipe.has_mask_file else None
    stored_sidecar = read.read(sidecar) if recipe.sidecar != "none" else None
    if read.is_superseded:
        return SkippedObject("superseded")
    if stored_sidecar and stored_sidecar.is_own:  # the job of a result, copied into the inbox
        stored_sidecar = None
    return _Files(stored, stored_mask, stored_sidecar)


class _SiblingReader:
    """Reads objects as they were listed."""

    def __init__(self, bucket: str, store: InboxStore) -> None:
        self._bucket, self._store = bucket, store
        self.is_superseded = False

    def read(self, listed: ListedObject | None) -> InboxFile | None:
        if listed is None:
            return None
        _check_size(listed.size)
        stored = self._store.read(self._bucket, listed.key, listed.etag)
        self.is_superseded |= stored is None
        return stored


def _make_edit(
    photo: ObjectCreated, files: _Files, recipe: Recipe, target: InboxTarget
) -> ObjectEdit:
    prompt = read_prompt(files.photo.metadata)
    values: dict[str, Any] = {**recipe.edit}
    if prompt:
        values["prompt"] = prompt
    if files.sidecar:
        values.update(parse_sidecar(files.sidecar.data))
    values["images"] = [_data_url(files.photo)]
    if files.mask:
        values["mask"] = _data_url(files.mask)
    elif recipe.mask == "alpha":
        values["mask"] = _data_url(files.photo)
    elif isinstance(recipe.mask, Mapping):
        values["mask"] = recipe.mask
    parts = [
        f"{photo.bucket}/{photo.key}@{files.photo.etag}",
        files.mask.etag if files.mask else "",
        files.sidecar.etag if files.sidecar else "",
        sha256(prompt.encode()).hexdigest()[:_DIGEST_LENGTH] if prompt else "",
        # The event of a mask has no sequencer of the photo, so the time tells a repeated upload apart.
        repr(files.last_modified) if recipe.on_same == "buy" else "",
    ]
    target = replace(target, modified=files.last_modified, recipe_etag=recipe.etag)
    return ObjectEdit(values, "#".join(parts), recipe, target)


def _data_url(file: InboxFile) -> dict[str, str]:
    encoded = pybase64.b64encode_as_string(file.data)
    return {"image_url": f"data:application/octet-stream;base64,{encoded}"}


def _check_size(size: int | None) -> None:
    """Raise TooLarge or InvalidRequest for a size in bytes that no edit has. None: not known."""
    if size == 0:
        raise InvalidRequest("The object is empty. Upload the image again.", code="empty_object")
    if size is not None and size > MAX_OBJECT_BYTES:
        raise TooLarge(
            f"The object has {size} bytes; at most {MAX_OBJECT_BYTES} are accepted. Send a smaller file.",
            code="object_too_large",
        )


def _check_output(recipe: Recipe, name: InboxName) -> None:
    """Raise InvalidRequest when the key of the result or of the job beside it would be too long for S3."""
    longest = output_key(
        recipe.output, name._replace(name=f"{name.name}.{name.name[-5:]}"), "webp", 9
    )
    if not is_valid_key(f"{longest}.json"):
        raise InvalidRequest(
            f"The key of the object has {len(name.name.encode())} bytes below its recipe, so the key of its result "
            "would be too long for S3. Give it a shorter name.",
            code="object_key_too_long",
        )


def _target(event: ObjectCreated, name: InboxName, output: str, failure: str) -> InboxTarget:
    return InboxTarget(
        event.bucket,
        event.key,
        name.recipe,
        recipe_etag="",
        output=output,
        failure_key=failure,
        sequencer=event.sequencer,
        modified=0.0,
    )
