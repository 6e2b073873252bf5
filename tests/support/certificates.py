"""An authority of our own, and certificates good and bad for whatever name is asked."""

import ssl
from datetime import UTC, datetime, timedelta
from functools import cache

import trustme


@cache
def authority():
    return trustme.CA()


@cache
def trust():
    """A client context that trusts this internet alone."""
    context = ssl.create_default_context()
    authority().configure_trust(context)
    return context


def server_context(kind, address, names):
    """A context that shows a certificate for whatever name is asked, else for the address."""
    context = certified(kind, address)

    def named(connection, name, _context):
        if name:
            names.append(name)
            connection.context = certified(kind, name)

    context.sni_callback = named
    return context


def certified(kind, name):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if kind == "self_signed":
        own = trustme.CA()
        with own.cert_pem.tempfile() as cert, own.private_key_pem.tempfile() as key:
            context.load_cert_chain(cert, key)
    else:
        issued(kind, name).configure_cert(context)
    return context


@cache
def issued(kind, name):
    past = datetime.now(UTC) - timedelta(days=1) if kind == "expired" else None
    host = "elsewhere.test" if kind == "other_name" else name
    return authority().issue_cert(host, not_after=past)
