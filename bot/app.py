"""Connect the bot to Discord or to a local page, and shut down cleanly.

The token is tried once the store is open and before the models are loaded; then the bot connects
while they are loaded.
"""

import asyncio
import gc
import logging
import signal
from collections.abc import Callable, Coroutine, Generator
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    contextmanager,
    suppress,
)
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import SecretStr

from bot.assembly import open_services
from bot.client import PaintingBot
from bot.config import BotSettings
from bot.connection import check_token, connect
from bot.healthcheck import LOCAL_FOLDERS
from bot.services import Services
from bot.tasks import cancel
from bot.timings import Timings
from engine.models.demo_entries import DEMO_PIXELS
from engine.settings import DEMO, SCENES

log = logging.getLogger(__name__)

_LOCAL_PROGRESS_SECONDS = 3.0


async def run(settings: BotSettings) -> None:
    """Run the bot until SIGINT or SIGTERM, on Discord if there is a token, else on a local page.

    Raises `SettingsError`, `ModelError` or `DiscordRefusalError` if the bot cannot run.
    """
    stop = asyncio.Event()
    _listen(stop)
    async with AsyncExitStack() as stack:
        stopping = asyncio.create_task(stop.wait())
        stack.push_async_callback(cancel, stopping)
        program = _on_discord if settings.token else _on_local_page
        services, connect = program(settings, stack)
        opening = asyncio.create_task(stack.enter_async_context(services))
        stack.push_async_callback(cancel, opening)
        await asyncio.wait((opening, stopping), return_when=asyncio.FIRST_COMPLETED)
        if not opening.done():  # Discord may be out of reach for hours
            return
        await _run_until(stopping, opening.result(), connect, lambda: _listen(stop))
        log.info("the bot ends", extra={"jobs": len(opening.result().queue.jobs())})


def _listen(stop: asyncio.Event) -> None:
    """Set `stop` at SIGINT and SIGTERM."""
    for each in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # on Windows Ctrl-C arrives as KeyboardInterrupt
            asyncio.get_running_loop().add_signal_handler(each, stop.set)


async def _run_until(
    stopping: asyncio.Task[Any],
    services: Services,
    connect: Callable[[Services], Coroutine[Any, Any, None]],
    listen: Callable[[], None],
) -> None:
    """Run the bot until `stopping` ends; raise what ends the connection, models or store.

    `listen` is called again once models are loaded, because Ray puts its own handlers of signals in
    the place of ours, which print where the program is.
    """
    connection = asyncio.create_task(connect(services))
    services.connection.push_async_callback(cancel, connection)
    painting = asyncio.create_task(_with_models(services, listen))
    services.connection.push_async_callback(cancel, painting)
    losing = asyncio.create_task(services.store.until_lost())
    services.connection.push_async_callback(cancel, losing)
    running = (connection, painting, losing)
    await asyncio.wait((*running, stopping), return_when=asyncio.FIRST_COMPLETED)
    for each in running:
        if each.done():
            each.result()


async def _with_models(services: Services, listen: Callable[[], None]) -> None:
    """Wait until the models are loaded, and from then on until cancelled.

    Raises `ModelError` or `WeightsError` if they cannot be loaded.
    """
    await asyncio.wrap_future(services.worker.loaded)
    listen()
    devices = services.loading.devices.copy()
    extra = {
        "models": [services.settings.engine.models],
        "devices": [devices[number] for number in sorted(devices)],
    }
    log.info("models loaded", extra=extra)
    with frozen_objects():
        await asyncio.Future()


@contextmanager
def frozen_objects() -> Generator[None]:
    """Keep Python from looking for garbage among all that is loaded now.

    The libraries leave half a million objects, and each full collection that goes through them
    holds up the event loop for a quarter of a second.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


_Program = tuple[
    AbstractAsyncContextManager[Services], Callable[[Services], Coroutine[Any, Any, None]]
]
"""The services to open, and what to do with them."""


def _on_discord(settings: BotSettings, _: AsyncExitStack) -> _Program:
    assert settings.token is not None
    token = settings.token.get_secret_value()

    def check(timings: Timings) -> Coroutine[Any, Any, None]:
        return check_token(token, timings)

    services = open_services(settings, before_models=check)
    return services, lambda each: connect(each, token)


def _on_local_page(settings: BotSettings, stack: AsyncExitStack) -> _Program:
    from bot import local_preview

    folder = Path(stack.enter_context(TemporaryDirectory(prefix=LOCAL_FOLDERS)))
    services = open_services(local_page_settings(settings, folder), local_preview.UPLOAD_HOSTS)
    return services, lambda each: local_preview.serve(PaintingBot(each))


def local_page_settings(settings: BotSettings, folder: Path) -> BotSettings:
    """Return the settings for the local page.

    There are no threads, which the page cannot open, so replies need none, and the store ends with
    the program. The page needs a second or two to load a picture, and starts again when the next
    one comes. Where the host chose no models, all that come with the program can be tried, and
    those of the drawn scenes, which have the most to show, are the main ones.
    """
    seconds = max(settings.discord.progress_seconds, _LOCAL_PROGRESS_SECONDS)
    changes = {"threads": False, "replies": "always", "progress_seconds": seconds, "shards": ""}
    discord = settings.discord.model_copy(update=changes)
    storage = settings.storage.model_copy(update={"folder": folder, "url": SecretStr("")})
    engine = settings.engine
    if engine.installed == (DEMO,):
        more = (DEMO, *(f"demo-{kind}" for kind in DEMO_PIXELS))
        engine = engine.model_copy(update={"models": SCENES, "more_models": more})
    return settings.model_copy(update={"discord": discord, "storage": storage, "engine": engine})
