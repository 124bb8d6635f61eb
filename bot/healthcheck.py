"""What a container's health check asks: the host's page, or a file that the event loop touches."""

import asyncio
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from ipaddress import ip_address
from pathlib import Path
from tempfile import gettempdir

from bot.private_files import FILE_MODE

ALIVE = "alive"
BEAT_SECONDS, STALE_SECONDS = 10.0, 60.0
"""Seconds between two touches, and after which an untouched file means that the bot hangs."""
LOCAL_FOLDERS = "vqgan-clip-bot-"
"""What the names of folders for temporary files begin with that local pages make."""
HEALTH_PATH = "/healthz"
_ANSWER_SECONDS = 10.0
"""Seconds within which the page must answer; a container waits for 30."""
_OK = 200


async def beat(folder: Path, is_healthy: Callable[[], bool]) -> None:
    """Touch the file while the loop runs and `is_healthy` returns True, until cancelled."""
    while True:
        if is_healthy():
            await asyncio.to_thread((folder / ALIVE).touch, FILE_MODE)
        await asyncio.sleep(BEAT_SECONDS)


def is_alive(folder: Path) -> bool:
    """Return True if the file in `folder` was touched within `STALE_SECONDS`."""
    try:
        return time.time() - (folder / ALIVE).stat().st_mtime < STALE_SECONDS
    except OSError:
        return False


def is_local_page_alive() -> bool:
    """Return True if a local page of this machine, or of this container, shows life."""
    return any(map(is_alive, Path(gettempdir()).glob(f"{LOCAL_FOLDERS}*")))


def is_answering(address: str, port: int) -> bool:
    """Return True if the host's page at an IP address says that the bot is healthy."""
    listening = ip_address(address)
    host = address if not listening.is_unspecified else "::1" if ":" in address else "127.0.0.1"
    connection = HTTPConnection(host, port, timeout=_ANSWER_SECONDS)
    try:
        connection.request("GET", HEALTH_PATH)
        return connection.getresponse().status == _OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
