"""Start the two gateways, each with the scripted upstream behind it."""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

from bench import paths, portkey
from devserver.server import DevServer
from tests.support.upstream import Upstream
from tools.portkey.observation import Observation, send_row
from tools.portkey.row import Row

BUCKET = "suite"
AWS_ENV = {
    "AWS_ACCESS_KEY_ID": "suite",
    "AWS_SECRET_ACCESS_KEY": "suite",
    "AWS_DEFAULT_REGION": "us-east-1",
}
VIRTUAL_KEYS = {"openai-team": {"provider": "openai", "api_key": "sk-team"}}
SAVED_CONFIGS = {"pc-photos": {"provider": "openai", "api_key": "sk-saved"}}


@contextmanager
def run_retouch(upstream: Upstream) -> Iterator[str]:
    """Run Retouch and yield its URL. Its bucket holds the saved configs."""
    with _config_bucket() as s3:
        env = {
            **AWS_ENV,
            "AWS_ENDPOINT_URL_S3": s3,
            "RETOUCH_BUCKET": BUCKET,
            "RETOUCH_AUTH_MODE": "open",
            "RETOUCH_LEAST_CALL_SECONDS": "0.1",  # Otherwise no call with only 1000 ms left starts.
            "RETOUCH_VIRTUAL_KEYS": json.dumps(VIRTUAL_KEYS),
            "OPENAI_BASE_URL": f"{upstream.url}/v1",
            "POWERTOOLS_LOG_LEVEL": "ERROR",  # Otherwise hundreds of log lines hide the result.
            "POWERTOOLS_METRICS_DISABLED": "true",
            "PYTHONWARNINGS": "ignore",  # Warnings about metrics that are not flushed.
        }
        with DevServer(env=env) as running:
            yield running.url


@contextmanager
def _config_bucket() -> Iterator[str]:
    # Otherwise there is a log line for each object.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        client = boto3.client(
            "s3",
            endpoint_url=f"http://{host}:{port}",
            region_name=AWS_ENV["AWS_DEFAULT_REGION"],
            aws_access_key_id=AWS_ENV["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=AWS_ENV["AWS_SECRET_ACCESS_KEY"],
        )
        client.create_bucket(Bucket=BUCKET)
        for name, config in SAVED_CONFIGS.items():
            client.put_object(
                Bucket=BUCKET, Key=f"configs/{name}.json", Body=json.dumps(config).encode()
            )
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@contextmanager
def run_portkey(upstream: Upstream) -> Iterator[str]:
    """Run Portkey's open-source gateway and yield its URL. Raises RuntimeError when it cannot be installed."""
    paths.create_folders()
    install_error = portkey.install()
    if install_error:
        raise RuntimeError(install_error)
    with portkey.PortkeyLauncher(upstream.url).run_gateway() as target:
        yield target.base_url.removesuffix("/v1")


def send_row_to_portkey(row: Row, url: str, upstream: Upstream) -> Observation:
    """Send a row as `send_row` does, with a custom host that leads Portkey to the upstream.

    Retouch needs no custom host, because an operator setting leads it there.
    """
    host = f"{upstream.url}/v1"
    headers = {**row.headers, "x-portkey-custom-host": host}
    return send_row(
        replace(row, headers=headers, config=_add_custom_host(row.config, host)), url, upstream
    )


def _add_custom_host(
    config: Mapping[str, Any] | str | None, host: str
) -> Mapping[str, Any] | str | None:
    if not isinstance(config, Mapping):
        return config
    targets = [_add_custom_host(target, host) for target in config.get("targets", [])]
    return {"custom_host": host, **config, **({"targets": targets} if targets else {})}
