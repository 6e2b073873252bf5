"""The key of a Google service account that exists for one run of the tests."""

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

KEY = rsa.generate_private_key(65537, 2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM,
    serialization.PrivateFormat.PKCS8,
    serialization.NoEncryption(),
).decode()


def service_account(server, **overrides):
    return {
        "type": "service_account",
        "project_id": "acme",
        "private_key_id": "kid-1",
        "private_key": PEM,
        "client_email": "retouch@acme.iam.gserviceaccount.com",
        "token_uri": f"{server.url}/token",
        **overrides,
    }
