"""The recipes of the process. Each is read again after a minute."""

from __future__ import annotations

from retouch.core.clock import Clock
from retouch.inbox.object_names import recipe_key
from retouch.inbox.recipe import InvalidRecipe, Recipe, parse_recipe
from retouch.inbox.store import InboxStore

_SECONDS = 60.0
_MAX_RECIPES = 1000


class RecipeCache:
    """Reads recipes, and keeps the valid ones. A missing or invalid one is read again, because somebody mends it."""

    def __init__(self, store: InboxStore, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._kept: dict[tuple[str, str], tuple[float, Recipe]] = {}

    def find(self, bucket: str, name: str) -> Recipe | None:
        """Return a recipe, or None. Raises InvalidRecipe or InboxUnavailable."""
        until, kept = self._kept.get((bucket, name), (0.0, None))
        if kept and self._clock.now() < until:
            return kept
        file = self._store.read(bucket, recipe_key(name))
        if file is None:
            return None
        if file.is_own:
            raise InvalidRecipe("The recipe is a result of the gateway. Write the recipe again.")
        recipe = parse_recipe(name, file.data, file.etag)
        if len(self._kept) >= _MAX_RECIPES:
            self._kept.clear()
        self._kept[bucket, name] = self._clock.now() + _SECONDS, recipe
        return recipe
