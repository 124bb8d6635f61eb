"""The process that reads files: what ends it costs one call."""

import io
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psutil
import pytest
from PIL import Image

from bot.languages.catalogue import read_language
from bot.reading.file_process import FileProcess
from bot.reading.file_readers import read_goal
from engine.errors import PictureError, RecipeError
from engine.images.image_io import read_picture
from engine.provenance import read_provenance
from engine.text import Text

FRENCH = read_language(
    "fr",
    io.BytesIO(
        """
msgid ""
msgstr "Content-Type: text/plain; charset=utf-8\\n"

msgid "{name} was transparent in places, which are white now"
msgstr "{name} était transparent par endroits, qui sont blancs maintenant"
""".encode()
    ),
)


def picture_with_hole() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGBA", (32, 32)).save(buffer, "PNG")
    return buffer.getvalue()


@asynccontextmanager
async def opened(seconds: float = 600.0) -> AsyncIterator[FileProcess]:
    process = FileProcess(seconds)
    try:
        yield process
    finally:
        process.close()


async def test_results_and_errors_come_back():
    async with opened() as process:
        assert await process.call(json.loads, '{"a": 1}') == {"a": 1}
        with pytest.raises(PictureError, match="it is not a picture"):
            await process.call(read_picture, b"rubbish")
        with pytest.raises(RecipeError, match="contains no recipe") as caught:
            await process.call(read_provenance, b"\xff")
    assert caught.value.text.template == "{name}: {error}"
    assert caught.value.text.values["name"] == Text("the picture")


async def test_notices_come_back_in_no_language():
    async with opened() as process:
        _, notice = await process.call(read_goal, picture_with_hole(), 2)
    assert str(notice) == ("Picture 2 to resemble was transparent in places, which are white now.")
    assert notice.in_language(FRENCH).startswith("Picture 2 to resemble était transparent")


async def test_crash_costs_one_call():
    async with opened() as process:
        with pytest.raises(PictureError, match="it is damaged"):
            await process.call(os._exit, 3)
        assert await process.call(json.loads, "1") == 1


async def test_call_that_never_ends_is_ended():
    async with opened(0.5) as process:
        with pytest.raises(PictureError, match="too much time"):
            await process.call(time.sleep, 3600)
    async with opened() as process:
        assert await process.call(json.loads, "1") == 1


async def test_memory_is_limited():
    async with opened() as process:
        with pytest.raises(PictureError, match="too much memory"):
            await process.call(bytearray, 2**31)
        assert len(await process.call(bytearray, 2**24)) == 2**24


async def test_nothing_of_it_is_left():
    async with opened() as process:
        pid = await process.call(os.getpid)
        assert psutil.pid_exists(pid)
    assert not psutil.pid_exists(pid)


async def test_a_process_that_does_not_stay_ends_after_each_call():
    process = FileProcess(600.0, stays=False)
    pid = await process.call(os.getpid)
    assert not psutil.pid_exists(pid)
    assert await process.call(json.loads, "1") == 1
