"""The process that reads files: what ends it costs one call."""

import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psutil
import pytest

from bot.reading.file_process import FileProcess
from engine.errors import PictureError, RecipeError
from engine.images.image_io import read_picture
from engine.painting import read_provenance


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
        with pytest.raises(RecipeError, match="contains no recipe"):
            await process.call(read_provenance, b"\xff")


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
