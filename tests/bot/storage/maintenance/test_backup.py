"""A backup is of one moment while the bot works, and what is restored from it is the same."""

import asyncio
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from bot.storage import Store
from bot.storage.connection import DATABASE
from tests.bot.storage.maintenance.backup_helpers import (
    backed_up,
    empty_place,
    named,
    restored,
    run,
    value,
)
from tests.bot.storage.test_copying import fill, snapshot
from tests.harness.job_factory import recipe_for
from tests.harness.postgres import PostgresServer
from tests.harness.stores import Place


async def test_everything_is_restored_and_new_numbers_continue(
    place: Place,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
):
    file = tmp_path / "a.backup"
    async with place.open() as store:
        await fill(store)
        before = await snapshot(store)
        await backed_up(place, file)  # while the bot runs
        assert "database revision 00" in capsys.readouterr().out
        await store.key_values.set("name", "later")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert sorted(each.suffix for each in tmp_path.iterdir() if each.is_file()) in (
        [".backup", ".lock"],
        [".backup", ".lock", ".sqlite"],
    )
    target = await empty_place(place, tmp_path / "new", request)
    assert await restored(target, file) == 0
    assert "restored and compared" in capsys.readouterr().out
    async with target.open() as store:
        assert await snapshot(store) == before
        assert await store.key_values.get("name") == "value"
        assert (await store.jobs.add(1, "next", (recipe_for("next"),))).id == 5
        assert (await store.drafts.add(1, b"s", None, None)).id == 2
    assert await value(place) == "later"
    assert await run("backup", file, "--force", "--database", named(place)) == 0
    assert not [each for each in place.folder.iterdir() if each.suffix.startswith(".sqlite-")]


async def write_numbers(store: Store, stop: asyncio.Event) -> int:
    """Write one number after the other in two rows; return how many were written."""
    number = 0
    while not stop.is_set():
        number += 1
        async with store.admission():
            await store.jobs.add(number, "words", (recipe_for("words"),))
            await store.jobs.add(number, "words", (recipe_for("words"),))
        await asyncio.sleep(0)
    return number


async def test_writes_go_on_during_a_backup_which_is_of_one_moment(
    place: Place, tmp_path: Path, request: pytest.FixtureRequest
):
    file = tmp_path / "a.backup"
    async with place.open() as store:
        for number in range(20):  # enough for many steps
            await store.drafts.add(number, os.urandom(1_000_000), None, None)
        stop = asyncio.Event()
        writing = asyncio.create_task(write_numbers(store, stop))
        await backed_up(place, file)
        stop.set()
        written = await writing
    target = await empty_place(place, tmp_path / "new", request)
    assert await restored(target, file) == 0
    async with target.open() as store:
        jobs = await store.jobs.list_open()
    authors = sorted(record.job.author_id for record in jobs)
    assert authors == [number for number in range(1, len(jobs) // 2 + 1) for _ in range(2)]
    assert len(jobs) // 2 < written


async def test_a_file_is_replaced_only_with_force(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    file = tmp_path / "a.backup"
    file.write_bytes(b"something else")
    async with place.open():
        assert await run("backup", file, "--database", named(place)) == 2
        assert "--force" in capsys.readouterr().err
        assert file.read_bytes() == b"something else"
        assert await run("backup", file, "--force", "--database", named(place)) == 0
    content = file.read_bytes()
    assert await run("backup", file, "--database", str(tmp_path / "none"), "--force") == 2
    assert file.read_bytes() == content


async def test_the_database_itself_is_no_place_for_its_backup(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    place = Place(tmp_path)
    async with place.open() as store:
        await store.key_values.set("name", "value")
    file = tmp_path / DATABASE
    assert await run("backup", file, "--force", "--database", tmp_path) == 2
    assert "name another file" in capsys.readouterr().err
    assert await value(place) == "value"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal")
async def test_a_backup_that_is_ended_leaves_nothing_behind(place: Place, tmp_path: Path):
    folder = tmp_path / "backups"
    folder.mkdir()
    async with place.open() as store:
        for number in range(40):
            await store.drafts.add(number, os.urandom(1_000_000), None, None)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot.storage", "backup", str(folder / "a")),
            *("--database", named(place)),
            stderr=asyncio.subprocess.PIPE,
        )
        while not any(each.stat().st_size for each in folder.iterdir()):
            await asyncio.sleep(0.01)
        process.terminate()
        _, said = await process.communicate()
    assert process.returncode == 2
    assert said.decode().startswith("ended")
    assert not list(folder.iterdir())


async def test_a_place_that_is_used_or_holds_something_is_left_alone(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    file = tmp_path / "a.backup"
    async with place.open() as store:
        await store.key_values.set("name", "first")
        await backed_up(place, file)
        await store.key_values.set("name", "second")
        for options in ([], ["--force"]):
            assert await restored(place, file, *options) == 2
            assert "another bot uses" in capsys.readouterr().err
    assert await restored(place, file) == 2
    assert "--force" in capsys.readouterr().err
    assert await value(place) == "second"
    assert await restored(place, file, "--force") == 0
    assert await value(place) == "first"


async def test_a_backup_of_the_other_kind_says_what_to_do(
    postgres: PostgresServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    ours, theirs = Place(tmp_path / "ours"), Place(tmp_path / "b", await postgres.new_database())
    for place, other in ((ours, theirs), (theirs, ours)):
        file = tmp_path / f"{bool(place.url)}.backup"
        async with place.open():
            await backed_up(place, file)
        assert await restored(other, file, "--force") == 2
        assert "copy" in capsys.readouterr().err


async def test_a_database_of_a_killed_bot_is_backed_up_and_replaced(tmp_path: Path):
    """Its newest changes are in the files beside it."""
    place, file = Place(tmp_path / "data"), tmp_path / "a.backup"
    async with place.open() as store:
        await store.key_values.set("name", "value")
        left = {each: each.read_bytes() for each in place.folder.iterdir()}
    for each, content in left.items():
        each.write_bytes(content)
    assert (place.folder / f"{DATABASE}-wal").stat().st_size
    await backed_up(place, file)
    for each, content in left.items():
        each.write_bytes(content)
    assert await restored(place, file, "--force") == 0
    assert await value(place) == "value"


async def test_the_file_is_one_that_other_programs_unpack(tmp_path: Path):
    place, file = Place(tmp_path / "data"), tmp_path / "a.backup"
    async with place.open() as store:
        await store.key_values.set("name", "value")
        await backed_up(place, file)
    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()
    subprocess.run(["tar", "xf", file, "-C", unpacked], check=True)
    subprocess.run(["sha256sum", "-c", "SHA256SUMS"], check=True, cwd=unpacked, capture_output=True)
    (unpacked / "backup.json").unlink()
    assert await value(Place(unpacked)) == "value"


async def test_a_schema_of_a_shared_database_is_backed_up_alone(
    postgres: PostgresServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    file, shared, other = tmp_path / "a", await postgres.new_database(), Place(tmp_path / "public")
    new = await postgres.empty_database()
    for url in (shared, new):
        await postgres.execute(url, "CREATE SCHEMA painter")
    painter, target = (Place(tmp_path / "b", f"{url}&search_path=painter") for url in (shared, new))
    async with Place(other.folder, shared).open() as theirs, painter.open() as ours:
        await theirs.key_values.set("name", "theirs")
        await ours.key_values.set("name", "value")
        await backed_up(painter, file)
    assert await restored(Place(tmp_path, new), file) == 2
    assert "?search_path=painter" in capsys.readouterr().err
    assert await restored(target, file) == 0
    assert await value(target) == "value"
    assert not await postgres.execute(new, "SELECT 1 FROM pg_tables WHERE schemaname = 'public'")


@pytest.mark.parametrize("programs", [False, True], ids=["missing", "too old"])
async def test_missing_programs_of_postgres_are_named(
    postgres: PostgresServer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    programs: bool,
):
    place, folder = Place(tmp_path / "b", await postgres.new_database()), tmp_path / "bin"
    folder.mkdir()
    if programs:
        old = folder / "pg_dump"
        old.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.24'\n")
        old.chmod(0o700)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr("bot.storage.maintenance.postgres_programs.PROGRAMS", tmp_path / "none")
    async with place.open():
        assert await run("backup", tmp_path / "a", "--database", place.url) == 2
    error = capsys.readouterr().err
    assert "install the client programs of Postgres" in error
    assert ("only 9 is installed" in error) == programs
    assert not (tmp_path / "a").exists()


async def test_a_password_is_in_no_argument_of_pg_dump(
    postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    url = (await postgres.new_database()).replace("tester@", "tester:s3cr%40t@") + "&jit=off"
    folder, told = tmp_path / "bin", tmp_path / "told"
    folder.mkdir()
    spy = folder / "pg_dump"
    spy.write_text(
        f'#!/bin/sh\necho "$*" "--$PGPASSWORD--" >> {told}\n'
        f'exec {postgres.programs / "pg_dump"} "$@"\n'
    )
    spy.chmod(0o700)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    secret = tmp_path / "url"
    secret.write_text(url)
    async with Place(tmp_path / "b", url).open():
        assert await run("backup", tmp_path / "a", "--database", f"@{secret}") == 0
    arguments, password = told.read_text().splitlines()[-1].split(" --s3cr@t--")[0], "s3cr"
    assert "--dbname=" in arguments
    assert password not in arguments
