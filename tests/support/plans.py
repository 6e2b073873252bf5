"""The plan of an edit with an image of 96 x 64 pixels."""

from datetime import date

from retouch.core.credentials.client_credentials import ClientCredentials
from retouch.core.edit_types import ResolvedInputs
from retouch.core.settings import Settings
from retouch.gateway.validation import validate
from retouch.planning.connection import resolve_connection
from retouch.planning.model_resolution import resolve_model
from retouch.planning.plan import make_plan
from retouch.providers import PROVIDERS
from tests.support.images import encode_image, scene

TODAY = date(2026, 11, 22)
SCENE = scene(96, 64)
PHOTO = encode_image(SCENE)
VALUES = {"model": "gpt-image-2", "prompt": "an empty beach"}


def build_plan(images=(PHOTO,), mask=None, env=None, **values):
    request = validate(ResolvedInputs({**VALUES, **values}, tuple(images), mask))
    settings = Settings.from_env({"OPENAI_API_KEY": "k", "RETOUCH_BUCKET": "b", **(env or {})})
    model = resolve_model(request.model, ClientCredentials(), PROVIDERS, settings, TODAY)
    return make_plan(resolve_connection(model, ClientCredentials(), settings), request, settings)
