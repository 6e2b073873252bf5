"""A test certificate authority that issues valid and invalid certificates for any server name."""

import ssl
from datetime import UTC, datetime, timedelta
from functools import cache

import trustme


@cache
def certificate_authority():
    return trustme.CA()


@cache
def client_tls_context():
    """Return a client TLS context that trusts only the test certificate authority."""
    context = ssl.create_default_context()
    certificate_authority().configure_trust(context)
    return context


def server_tls_context(kind, address, server_names):
    """Return a server TLS context with a certificate for the requested name.

    A client that sends no server name (SNI) gets a certificate for `address`. The context adds each requested name
    to the list `server_names`.
    """
    context = tls_context_for(kind, address)

    def select_certificate(connection, name, _context):
        if name:
            server_names.append(name)
            connection.context = tls_context_for(kind, name)

    context.sni_callback = select_certificate
    return context


def tls_context_for(kind, name):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if kind == "self_signed":
        self_signed_ca = trustme.CA()
        with (
            self_signed_ca.cert_pem.tempfile() as cert,
            self_signed_ca.private_key_pem.tempfile() as key,
        ):
            context.load_cert_chain(cert, key)
    else:
        issue_certificate(kind, name).configure_cert(context)
    return context


@cache
def issue_certificate(kind, name):
    not_after = datetime.now(UTC) - timedelta(days=1) if kind == "expired" else None
    host = "elsewhere.test" if kind == "other_name" else name
    return certificate_authority().issue_cert(host, not_after=not_after)
