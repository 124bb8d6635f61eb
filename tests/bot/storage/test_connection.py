"""The folder of the database: its name, its permissions, and files that lost their content."""

import logging
import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from bot.storage import open_store
from bot.storage.connection import DATABASE, LOCK
from engine.errors import SettingsError

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions")


async def keep_something(folder: Path) -> None:
    async with open_store(folder) as store:
        await store.key_values.set("name", "value")


async def refusal(folder: Path) -> str:
    with pytest.raises(SettingsError) as error:
        async with open_store(folder):
            pass
    return str(error.value)


@pytest.mark.parametrize("name", ["what?", "#1", "100%", "%41 b?c=d#e", "file:x?mode=ro", "a&b;c"])
async def test_any_name_of_a_folder_is_taken_as_it_is(tmp_path: Path, name: str):
    folder = tmp_path / name
    for _ in range(2):
        await keep_something(folder)
    assert [each.name for each in tmp_path.iterdir()] == [name]
    with closing(sqlite3.connect(folder / DATABASE)) as database:
        assert database.execute("SELECT value FROM facts").fetchall() == [("value",)]


async def test_a_database_that_lost_its_content_is_not_taken_for_a_new_one(tmp_path: Path):
    await keep_something(tmp_path)
    content = (tmp_path / DATABASE).read_bytes()
    for left in (0, 50, 4096, len(content) // 2):
        (tmp_path / DATABASE).write_bytes(content[:left])
        assert "restore a backup" in await refusal(tmp_path)
        assert (tmp_path / DATABASE).stat().st_size == left
    (tmp_path / DATABASE).write_bytes(content)
    async with open_store(tmp_path) as store:
        assert await store.key_values.get("name") == "value"


async def test_damage_that_is_met_later_ends_the_program_with_what_to_do(tmp_path: Path):
    await keep_something(tmp_path)
    with closing(sqlite3.connect(tmp_path / DATABASE)) as database:
        pages = database.execute("SELECT rootpage FROM sqlite_master WHERE tbl_name = 'jobs'")
        starts = [page - 1 for (page,) in pages]  # of the table and its indexes
        ((size,),) = database.execute("PRAGMA page_size")
    content = bytearray((tmp_path / DATABASE).read_bytes())
    for start in starts:
        content[start * size : (start + 1) * size] = bytes([255]) * size
    (tmp_path / DATABASE).write_bytes(content)
    with pytest.raises(SettingsError, match="malformed: move the files of this name away"):
        async with open_store(tmp_path) as store:
            assert await store.key_values.get("name") == "value"  # the rest can be read
            await store.jobs.list_open()


async def test_a_log_without_its_database_is_refused(tmp_path: Path):
    (tmp_path / f"{DATABASE}-wal").write_bytes(b"a log")
    assert "is missing" in await refusal(tmp_path)
    assert (tmp_path / f"{DATABASE}-wal").read_bytes() == b"a log"


KILLED = """
import os, sys
from pathlib import Path
from bot.storage import sqlite
sqlite._enable_auto_vacuum = lambda *_: os.kill(os.getpid(), 9)
sqlite._prepare(Path(sys.argv[1]) / sqlite.DATABASE, 1.0)
"""


@posix
async def test_a_program_that_was_killed_while_it_made_the_database_starts_again(tmp_path: Path):
    ended = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert ended.returncode == -9
    assert list(tmp_path.iterdir())
    await keep_something(tmp_path)
    assert not list(tmp_path.glob("*.new*"))


@posix
async def test_only_the_account_of_the_bot_can_read_what_is_stored(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO, "bot")
    folder = tmp_path / "data"
    open_to_all = os.umask(0)
    try:
        async with open_store(folder) as store:
            await store.key_values.set("name", "value")
            files = list(folder.iterdir())
            assert {DATABASE, LOCK, f"{DATABASE}-wal"} <= {each.name for each in files}
            assert {stat.S_IMODE(each.stat().st_mode) for each in files} == {0o600}
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    finally:
        os.umask(open_to_all)
    assert [each.message for each in caplog.records] == ["the database is new"]
    caplog.clear()
    folder.chmod(0o755)
    (folder / DATABASE).chmod(0o644)
    await keep_something(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / DATABASE).stat().st_mode) == 0o600
    assert [each.message for each in caplog.records] == ["a file was made private"] * 2
