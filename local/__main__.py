"""`python -m local`: serve until Ctrl-C."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import sys

import uvloop

from local.serving import Serving, serving
from local.settings import Settings

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_READY = """\
Retouch is ready on {url}  Try:
curl -s {url}/v1/images/edits -F image=@events/photo.png -F mask=@events/mask.png \
-F prompt="remove the ball" -F response_format=url"""


def main() -> int:
    """The exit status: 0 after a signal, 1 where the gateway cannot be opened."""
    settings = Settings.from_env(os.environ)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_until_signalled(settings))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        print(f"Port {settings.port} is taken. Set another: PORT=8788 make run", file=sys.stderr)
        return 1


async def _until_signalled(settings: Settings) -> int:
    task = asyncio.create_task(_serve(settings))
    _cancel_on_signal(task)
    try:
        await task
    except asyncio.CancelledError:
        return 0
    return 1


async def _serve(settings: Settings) -> None:
    async with serving(settings) as running:
        _announce(running)
        await asyncio.get_running_loop().create_future()


def _cancel_on_signal(task: asyncio.Task[None]) -> None:
    """Once: an impatient second Ctrl-C must not interrupt the tidying up."""
    loop = asyncio.get_running_loop()

    def cancel() -> None:
        for number in _SIGNALS:
            loop.add_signal_handler(number, _ignore)
        task.cancel()

    for number in _SIGNALS:
        loop.add_signal_handler(number, cancel)


def _ignore() -> None:
    pass


def _announce(running: Serving) -> None:
    if running.started:
        print(_READY.format(url=running.url), flush=True)
    else:
        text = "Retouch answers 502 until the function starts; the reason stands above."
        print(f"{text} {running.url}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
