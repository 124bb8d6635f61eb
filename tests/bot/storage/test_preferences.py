"""What people prefer survives restarts, other changes at the same time, and damage."""

import asyncio
import logging
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from pydantic import ValidationError

from bot.preferences import Preferences
from bot.storage import open_store
from bot.storage.connection import DATABASE

ALICE, BOB = 2**63 - 1, 2


def stored(folder: Path) -> list[tuple[int, str]]:
    with closing(sqlite3.connect(folder / DATABASE)) as database:
        return database.execute("SELECT author_id, preferences FROM preferences").fetchall()


async def test_preferences_survive_a_restart_and_defaults_are_not_stored(tmp_path: Path):
    async with open_store(tmp_path) as store:
        assert await store.preferences.get(ALICE) == Preferences() == Preferences(notify="ping")
        await store.preferences.change(ALICE, lambda before: before.changed(notify="none"))
    async with open_store(tmp_path) as store:
        assert (await store.preferences.get(ALICE)).notify == "none"
        assert (await store.preferences.get(BOB)).notify == "ping"
        await store.preferences.change(ALICE, lambda before: before.changed(notify="ping"))
    assert stored(tmp_path) == []


async def test_a_change_that_fails_changes_nothing(tmp_path: Path):
    async with open_store(tmp_path) as store:
        await store.preferences.change(ALICE, lambda before: before.changed(notify="dm"))
        with pytest.raises(ValidationError):
            await store.preferences.change(ALICE, lambda before: before.changed(notify="shout"))
        assert (await store.preferences.get(ALICE)).notify == "dm"


async def test_each_change_starts_from_the_one_before(tmp_path: Path):
    seen: list[str] = []

    def change(before: Preferences) -> Preferences:
        seen.append(before.notify)
        return before.changed(notify={"ping": "dm", "dm": "none", "none": "ping"}[before.notify])

    async with open_store(tmp_path) as store:
        await asyncio.gather(*(store.preferences.change(ALICE, change) for _ in range(4)))
    assert seen == ["ping", "dm", "none", "ping"]


@pytest.mark.parametrize(
    "text", ["", "no JSON", "[]", '{"notify": "shout"}', '{"notify": 1, "unknown": 2}']
)
async def test_damaged_preferences_are_the_defaults_and_logged(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
):
    async with open_store(tmp_path) as store:
        with closing(sqlite3.connect(tmp_path / DATABASE)) as database, database:
            database.execute("INSERT INTO preferences VALUES (?, ?)", (ALICE, text))
        with caplog.at_level(logging.ERROR):
            assert await store.preferences.get(ALICE) == Preferences()
        assert "damaged" in caplog.text
        await store.preferences.change(ALICE, lambda before: before.changed(notify="dm"))
        assert (await store.preferences.get(ALICE)).notify == "dm"
