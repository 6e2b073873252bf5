"""Run the development server until Ctrl-C: `python -m devserver`."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import sys

import uvloop

from devserver.settings import InvalidSetting, Settings
from devserver.startup import RunningServer, run_server
from retouch.core.settings import InvalidSetting as InvalidGatewaySetting
from retouch.core.settings import Settings as GatewaySettings
from retouch.planning.model_resolution import reject_unknown_models
from retouch.providers import PROVIDERS

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_READY_MESSAGE = """\
Retouch is ready on {url}  Try:
curl -s {url}/v1/images/edits -F image=@events/photo.png -F mask=@events/mask.png \
-F prompt="remove the ball" -F response_format=url"""


def main() -> int:
    """Run the server. Return 0 after a signal, and 1 for an invalid setting or a port that is taken."""
    try:
        settings = Settings.from_env(os.environ)
        reject_unknown_models(PROVIDERS, GatewaySettings.from_env(os.environ))
    except (InvalidSetting, InvalidGatewaySetting) as error:
        print(error, file=sys.stderr)
        return 1
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_run_until_signalled(settings))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        print(f"Port {settings.port} is taken. Set another: PORT=8788 make run", file=sys.stderr)
        return 1


async def _run_until_signalled(settings: Settings) -> int:
    task = asyncio.create_task(_serve(settings))
    _cancel_on_signal(task)
    try:
        await task
    except asyncio.CancelledError:
        return 0
    return 1


async def _serve(settings: Settings) -> None:
    async with run_server(settings) as running:
        _print_status(running)
        await asyncio.get_running_loop().create_future()


def _cancel_on_signal(task: asyncio.Task[None]) -> None:
    """Cancel the task at the first signal only. A second Ctrl-C must not interrupt the cleanup."""
    loop = asyncio.get_running_loop()

    def cancel() -> None:
        for number in _STOP_SIGNALS:
            loop.add_signal_handler(number, _ignore_signal)
        task.cancel()

    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, cancel)


def _ignore_signal() -> None:
    pass


def _print_status(running: RunningServer) -> None:
    if running.functions_started:
        print(_READY_MESSAGE.format(url=running.url), flush=True)
    else:
        text = "Retouch returns 502 until the function starts; the reason is printed above."
        print(f"{text} {running.url}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
