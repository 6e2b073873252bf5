"""A function that sends requests to a provider at a URL."""

from retouch.core.credentials.client_credentials import ClientCredentials
from retouch.core.settings import Settings
from retouch.planning.connection import resolve_connection
from retouch.planning.model_resolution import resolve_model
from retouch.providers import PROVIDERS
from tests.support.services import FakeClock, build_http_client


def send_to(base_url):
    clock = FakeClock()
    settings = Settings.from_env({"OPENAI_API_KEY": "sk-k", "OPENAI_BASE_URL": base_url})
    resolved_model = resolve_model(
        "gpt-image-2", ClientCredentials(), PROVIDERS, settings, clock.today()
    )
    resolved_model = resolve_connection(resolved_model, ClientCredentials(), settings)
    client = build_http_client(settings, clock)
    return lambda request: client(request, resolved_model, clock.now() + 10)
