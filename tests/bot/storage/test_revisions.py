"""Every revision that a database ever had becomes the newest one, with all that it holds."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import (
    JSON,
    Boolean,
    Connection,
    DateTime,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    create_engine,
    insert,
    select,
)
from sqlalchemy.ext.asyncio import create_async_engine

from bot.storage import migrations
from bot.storage.connection import DATABASE
from engine.errors import SettingsError
from engine.presets import make_recipe
from tests.bot.storage.maintenance.backup_helpers import named, restored, rewritten, run, value
from tests.harness.postgres import PostgresServer
from tests.harness.stores import Place

REVISIONS = [f"{number:04}" for number in range(1, int(migrations.newest_revision()))]
DOWN_TO = [each for each in REVISIONS if each >= "0006"]
RECIPE = make_recipe("a red circle", seed=1, steps=1)
ROWS = 3
Result = TypeVar("Result")
Stored = dict[str, list[dict[str, Any]]]


async def change(place: Place, work: Callable[[Connection], Result]) -> Result:
    """Do something with the tables of a database."""
    if not place.url:
        place.folder.mkdir(exist_ok=True)
        engine = create_engine(f"sqlite:///{place.folder / DATABASE}")
        with engine.begin() as connection:
            result = work(connection)
        engine.dispose()
        return result
    import asyncpg  # pyright: ignore[reportMissingTypeStubs]

    driver: Any = asyncpg
    pool = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: driver.connect(place.url)
    )
    async with pool.begin() as connection:
        result = await connection.run_sync(work)
    await pool.dispose()
    return result


def tables_of(connection: Connection) -> list[Table]:
    metadata = MetaData()
    metadata.reflect(connection)
    return [each for each in metadata.sorted_tables if each.name != "alembic_version"]


def fill(connection: Connection) -> None:
    """Insert rows with a value in every column of every table."""
    for table in tables_of(connection):
        connection.execute(insert(table), [row(table, number) for number in range(1, ROWS + 1)])


def row(table: Table, number: int) -> dict[str, Any]:
    known = {"state": "done", "kind": "imagine", "recipes": [RECIPE.to_json()], "pictures": 1}
    values: dict[str, Any] = {}
    for column in table.columns:
        match column.type:
            case LargeBinary():
                values[column.name] = bytes([number]) * 32
            case Boolean():
                values[column.name] = False
            case DateTime():
                values[column.name] = datetime(2026, 1, number, 2, 3, 4)
            case Integer() | Float():
                values[column.name] = number
            case JSON():
                values[column.name] = {}
            case _:
                values[column.name] = f"{table.name} {column.name} Ü{number}"[:16]
        if table.name == "jobs" and column.name in known:
            values[column.name] = known[column.name]
    if "prompt_folded" in values:
        values["prompt_folded"] = values["prompt"].casefold()
    return values


def contents(connection: Connection) -> Stored:
    """Return all rows of all tables, except who has opened the database."""
    found = {
        table.name: [
            dict(each)
            for each in connection.execute(select(table).order_by(*table.primary_key)).mappings()
        ]
        for table in tables_of(connection)
    }
    found["facts"] = [each for each in found["facts"] if each["name"] != "opened by"]
    return found


def assert_kept(before: Stored, after: Stored) -> None:
    """Assert that rows have the values that they had, in all columns that there still are."""
    for name in before.keys() & after.keys():
        assert len(after[name]) == len(before[name])
        for old, new in zip(before[name], after[name], strict=True):
            shared = old.keys() & new.keys()
            assert {key: old[key] for key in shared} == {key: new[key] for key in shared}


async def assert_usable(place: Place) -> None:
    async with place.open() as store:
        record = await store.jobs.get(1)
        assert record is not None
        assert record.job.recipes == (RECIPE,)
        assert (await store.jobs.add(1, "next", (RECIPE,))).id == ROWS + 1


@pytest.mark.parametrize("revision", REVISIONS)
async def test_a_database_of_each_revision_is_migrated_with_all_that_it_holds(
    tmp_path: Path, revision: str
):
    place = Place(tmp_path)
    await change(place, lambda connection: migrations.upgrade(connection, revision))
    await change(place, fill)
    before = await change(place, contents)
    async with place.open():
        pass
    after = await change(place, contents)
    assert before.keys() <= after.keys()
    assert_kept(before, after)
    assert all(each["prompt_folded"] == each["prompt"].casefold() for each in after["jobs"])
    await assert_usable(place)


@pytest.mark.parametrize("revision", DOWN_TO)
async def test_sqlite_goes_back_to_each_earlier_revision_and_forth_again(
    tmp_path: Path, revision: str, capsys: pytest.CaptureFixture[str]
):
    await go_back_and_forth(Place(tmp_path), revision, capsys)


@pytest.mark.parametrize("revision", [DOWN_TO[0], DOWN_TO[-1]])
async def test_postgres_goes_back_and_forth_again(
    postgres: PostgresServer, tmp_path: Path, revision: str, capsys: pytest.CaptureFixture[str]
):
    await go_back_and_forth(Place(tmp_path, await postgres.new_database()), revision, capsys)


async def go_back_and_forth(
    place: Place, revision: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with place.open():
        pass
    await change(place, lambda connection: fill_newest(connection, place))
    before = await change(place, contents)
    arguments = ["downgrade", revision, "--database", named(place)]
    code = await run(*arguments)
    if code:
        assert "lost" in capsys.readouterr().err
        assert await change(place, contents) == before
        code = await run(*arguments, "--yes")
    assert code == 0, capsys.readouterr().err
    old = await change(place, contents)
    assert_kept(before, old)
    async with place.open():
        pass
    after = await change(place, contents)
    assert after.keys() == before.keys()
    assert_kept(old, after)
    await assert_usable(place)


def fill_newest(connection: Connection, place: Place) -> None:
    for table in tables_of(connection):
        connection.execute(table.delete() if table.name == "facts" else select(1))
    fill(connection)
    if place.url:  # rows with numbers of their own do not count
        for name in ("jobs", "drafts", "removals"):
            connection.exec_driver_sql(f"SELECT setval('{name}_id_seq', {ROWS})")


@pytest.mark.parametrize("target", ["0003", "9999", "no revision", ""])
async def test_a_revision_that_there_is_no_way_back_to_is_refused(
    place: Place, capsys: pytest.CaptureFixture[str], target: str
):
    async with place.open():
        pass
    before = await change(place, contents)
    assert await run("downgrade", target, "--database", named(place), "--yes") == 2
    assert "0006" in capsys.readouterr().err
    assert await change(place, contents) == before


async def test_a_database_in_use_does_not_go_back(place: Place, capsys: pytest.CaptureFixture[str]):
    async with place.open():
        assert await run("downgrade", "0016", "--database", named(place), "--yes") == 2
    assert "another bot uses" in capsys.readouterr().err


FAILING = '''
"""Fails after it has changed something."""

from alembic import op

revision = "9998"
down_revision = "{newest}"


def upgrade() -> None:
    op.execute("DELETE FROM facts")
    op.execute("CREATE TABLE half (id INTEGER)")
    {failure}
'''


@pytest.mark.parametrize(
    ("failure", "cause"),
    [
        ("raise ValueError('the cause')", "ValueError: the cause"),
        ("op.execute('SELECT * FROM no_such_table')", "no_such_table"),
    ],
)
async def test_a_migration_that_fails_leaves_the_database_whole(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: str, cause: str
):
    async with place.open() as store:
        await store.key_values.set("name", "value")
    before = await change(place, contents)
    folder = copied_migrations(tmp_path)
    text = FAILING.format(newest=migrations.newest_revision(), failure=failure)
    (folder / "versions" / "9998_fails.py").write_text(text)
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "_FOLDER", folder)
        with pytest.raises(SettingsError, match=cause):
            async with place.open():
                pass
    assert await change(place, contents) == before
    assert await value(place) == "value"


def copied_migrations(tmp_path: Path) -> Path:
    folder = tmp_path / "migrations"
    source = Path(migrations.__file__).parent
    (folder / "versions").mkdir(parents=True)
    for each in (source / "env.py", *(source / "versions").glob("*.py")):
        (folder / each.relative_to(source)).write_text(each.read_text())
    return folder


async def test_a_backup_of_an_older_revision_is_migrated_when_it_is_restored(tmp_path: Path):
    old, new, file = Place(tmp_path / "old"), Place(tmp_path / "new"), tmp_path / "a.backup"
    await change(old, lambda connection: migrations.upgrade(connection, "0006"))
    await change(old, fill)
    before = await change(old, contents)
    assert await run("backup", file, "--database", old.folder) == 0
    assert await restored(new, file) == 0
    with closing(sqlite3.connect(new.folder / DATABASE)) as database:
        ((revision,),) = database.execute("SELECT version_num FROM alembic_version").fetchall()
    assert revision == migrations.newest_revision()
    assert_kept(before, await change(new, contents))
    await assert_usable(new)


async def test_a_backup_that_cannot_be_migrated_is_not_restored(
    place: Place,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    file = tmp_path / "a.backup"
    async with place.open() as store:
        await store.key_values.set("name", "first")
        assert await run("backup", file, "--database", named(place)) == 0
        await store.key_values.set("name", "second")
    folder = copied_migrations(tmp_path)
    failure = "raise ValueError('the cause')"
    text = FAILING.format(newest=migrations.newest_revision(), failure=failure)
    (folder / "versions" / "9998_fails.py").write_text(text)
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "_FOLDER", folder)
        assert await restored(place, rewritten(file), "--force") == 2
        assert "the cause" in capsys.readouterr().err
    assert await value(place) == "second"
