"""The two gateways, each with the scripted upstream behind it."""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

from bench import paths, portkey
from local.gateway import Gateway
from tests.support.upstream import Upstream
from tools.portkey.asking import Seen, ask
from tools.portkey.row import Row

BUCKET = "suite"
AWS = {
    "AWS_ACCESS_KEY_ID": "suite",
    "AWS_SECRET_ACCESS_KEY": "suite",
    "AWS_DEFAULT_REGION": "us-east-1",
}
VIRTUAL = {"openai-team": {"provider": "openai", "api_key": "sk-team"}}
SAVED = {"pc-photos": {"provider": "openai", "api_key": "sk-saved"}}


@contextmanager
def retouch(upstream: Upstream) -> Iterator[str]:
    """Retouch's address. Its bucket holds the saved configs."""
    with _bucket() as s3:
        env = {
            **AWS,
            "AWS_ENDPOINT_URL_S3": s3,
            "RETOUCH_BUCKET": BUCKET,
            "RETOUCH_AUTH_MODE": "open",
            "RETOUCH_LEAST_CALL_SECONDS": "0.1",  # else no call starts that has only 300 ms
            "RETOUCH_VIRTUAL_KEYS": json.dumps(VIRTUAL),
            "OPENAI_BASE_URL": f"{upstream.url}/v1",
            "POWERTOOLS_LOG_LEVEL": "ERROR",  # else the result is one line among hundreds
            "POWERTOOLS_METRICS_DISABLED": "true",
            "PYTHONWARNINGS": "ignore",  # of metrics that nobody takes away
        }
        with Gateway(env=env) as running:
            yield running.url


@contextmanager
def _bucket() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # else a line for each object
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        client = boto3.client(
            "s3",
            endpoint_url=f"http://{host}:{port}",
            region_name=AWS["AWS_DEFAULT_REGION"],
            aws_access_key_id=AWS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=AWS["AWS_SECRET_ACCESS_KEY"],
        )
        client.create_bucket(Bucket=BUCKET)
        for name, config in SAVED.items():
            client.put_object(
                Bucket=BUCKET, Key=f"configs/{name}.json", Body=json.dumps(config).encode()
            )
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@contextmanager
def portkeys(upstream: Upstream) -> Iterator[str]:
    """The address of Portkey's own open gateway, installed where it is not. RuntimeError where it cannot be."""
    paths.prepare()
    hindrance = portkey.install()
    if hindrance:
        raise RuntimeError(hindrance)
    with portkey.running(upstream.url) as target:
        yield target.base_url.removesuffix("/v1")


def ask_portkey(row: Row, url: str, upstream: Upstream) -> Seen:
    """As `ask`. Portkey is led to the upstream by a custom host; Retouch by its operator's setting."""
    host = f"{upstream.url}/v1"
    led = {**row.headers, "x-portkey-custom-host": host}
    return ask(replace(row, headers=led, config=_led(row.config, host)), url, upstream)


def _led(config: Mapping[str, Any] | str | None, host: str) -> Mapping[str, Any] | str | None:
    if not isinstance(config, Mapping):
        return config
    targets = [_led(target, host) for target in config.get("targets", [])]
    return {"custom_host": host, **config, **({"targets": targets} if targets else {})}
