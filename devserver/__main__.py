"""Run the development server until Ctrl-C: `python -m devserver`."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import uvloop

from devserver.environment_check import environment_warnings
from devserver.inbox_watcher import FIRST_RECIPE
from devserver.settings import DevServerSettings
from devserver.startup import RunningServer, UnusableAddress, run_server
from devserver.tenants import ADMIN_KEY_VARIABLE
from devserver.terminal_log import start_terminal_log
from retouch.core.settings import InvalidSetting, Settings
from retouch.planning.model_resolution import reject_unknown_models
from retouch.providers import PROVIDERS

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_READY_MESSAGE = """\
Retouch is ready on {url}  Try:
curl -s {url}/v1/images/edits{key_option} -F image=@events/photo.png -F mask=@events/mask.png \
-F prompt="remove the ball" -F response_format=url
Or open {url}/playground in a browser."""
_KEY_OPTION = f' -H "Authorization: Bearer ${ADMIN_KEY_VARIABLE}"'  # The shell inserts the key: it is not printed.
_EXPOSED_WARNING = (
    "warning: HOST is not a loopback address, so other machines reach this gateway. It may use your provider keys "
    "for everybody. Set RETOUCH_AUTH_MODE=keys, or leave HOST out."
)
_INBOX_MESSAGE = """\
Photos in {folder}/inbox/{recipe}/ are edited as {folder}/recipes/{recipe}.json says. Try:
cp events/photo.png {folder}/inbox/{recipe}/ && sleep 5 && ls {folder}/outbox/{recipe}/"""


def main() -> int:
    """Run the server. Return 0 after a signal, and 1 for an invalid setting or an address that cannot be used."""
    try:
        settings = DevServerSettings.from_env(os.environ)
        reject_unknown_models(PROVIDERS, Settings.from_env(os.environ))
    except InvalidSetting as error:
        print(error, file=sys.stderr)
        return 1
    for warning in environment_warnings(os.environ):
        print(warning, file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        start_terminal_log(settings.own_defaults)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_run_until_signalled(settings))
    except UnusableAddress as error:
        print(error, file=sys.stderr)
        return 1


async def _run_until_signalled(settings: DevServerSettings) -> int:
    task = asyncio.create_task(_serve(settings))
    _cancel_on_signal(task)
    try:
        await task
    except asyncio.CancelledError:
        return 0
    return 1


async def _serve(settings: DevServerSettings) -> None:
    async with run_server(settings) as running:
        if settings.is_exposed:
            print(_EXPOSED_WARNING, file=sys.stderr, flush=True)
        _print_status(running, settings)
        if running.functions_started:
            _print_inbox(settings)
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


def _print_status(running: RunningServer, settings: DevServerSettings) -> None:
    if running.functions_started:
        key_option = _KEY_OPTION if settings.environment.get(ADMIN_KEY_VARIABLE) else ""
        print(_READY_MESSAGE.format(url=running.url, key_option=key_option), flush=True)
    else:
        text = "Retouch returns 502 until the function starts; the reason is printed above."
        print(f"{text} {running.url}", file=sys.stderr, flush=True)


def _print_inbox(settings: DevServerSettings) -> None:
    """Print where the local inbox is, unless another queue than the local one is used."""
    if not settings.environment.get("RETOUCH_ORDERS_TABLE"):
        folder = Path(settings.environment["RETOUCH_INBOX"])
        shown = os.path.relpath(folder) if folder.is_relative_to(Path.cwd()) else str(folder)
        print(_INBOX_MESSAGE.format(folder=shown, recipe=FIRST_RECIPE), flush=True)


if __name__ == "__main__":
    sys.exit(main())
