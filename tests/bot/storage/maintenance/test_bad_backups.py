"""What cannot be backed up or restored is refused with a sentence, and nothing is changed."""

import asyncio
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from bot.storage.connection import DATABASE
from bot.timings import Timings
from tests.bot.storage.maintenance.backup_helpers import (
    backed_up,
    empty_place,
    named,
    restored,
    rewritten,
    run,
    value,
)
from tests.harness.stores import Place

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no such limit")
DAMAGES = 60


@pytest.fixture
async def filled(place: Place, tmp_path: Path) -> tuple[Place, Path]:
    """Return a place with a database, and its backup."""
    filled = Place(tmp_path / "filled", place.url)
    async with filled.open() as store:
        await store.key_values.set("name", "value")
        await store.drafts.add(1, Random(1).randbytes(100_000), None, None)
        await backed_up(filled, tmp_path / "a.backup")
    return filled, tmp_path / "a.backup"


def damaged(content: bytes, random: Random) -> bytes:
    """Damage a file in one place: bits, missing bytes, zeros, or its end."""
    at = random.randrange(len(content))
    if random.random() < 0.5:  # what is not the large content
        at = random.choice((at % 8192, len(content) - 1 - at % 8192))
    match random.randrange(4):
        case 0:
            return (
                content[:at] + bytes([content[at] ^ 1 << random.randrange(8)]) + content[at + 1 :]
            )
        case 1:
            return content[:at]
        case 2:
            return content[:at] + content[at + random.randint(1, 1000) :]
        case _:
            return content[:at] + bytes(len(content[at : at + 512])) + content[at + 512 :]


async def test_a_damaged_backup_is_refused_or_restored_as_it_was(
    filled: tuple[Place, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
):
    place, file = filled
    content, random, bad = file.read_bytes(), Random(20_221_023), tmp_path / "bad.backup"
    target = await empty_place(place, tmp_path / "target", request)
    refused = 0
    for _ in range(DAMAGES):
        bad.write_bytes(damaged(content, random))
        code = await restored(target, bad, "--force")
        said = capsys.readouterr()
        if code == 0:  # the damage is where nothing is, such as the padding of the archive
            assert await value(target) == "value"
            continue
        assert code == 2
        assert said.err.startswith("error: ")
        assert said.err.count("\n") == 1
        assert any(
            word in said.err for word in ("damaged", "no backup", "newer", "another program")
        )
        refused += 1
    assert refused > DAMAGES / 2
    assert await value(place) == "value"


@pytest.mark.parametrize(
    ("about", "said"),
    [
        ({"revision": "9999", "version": "9.0.0"}, "update it first"),
        ({"format": 2}, "newer program"),
        ({"program": "another-bot"}, "another program"),
        ({"tables": {"jobs": (1, "00")}}, "differs"),
        ({"tables": {"jobs": (0, "no number")}}, "damaged"),
        ({"version": "\x1b[2J"}, "damaged"),
    ],
)
async def test_a_backup_that_does_not_fit_says_what_to_do(
    filled: tuple[Place, Path],
    capsys: pytest.CaptureFixture[str],
    about: dict[str, object],
    said: str,
):
    place, file = filled
    assert await restored(place, rewritten(file, about), "--force") == 2
    assert said in capsys.readouterr().err
    assert await value(place) == "value"


async def test_content_that_differs_from_what_was_backed_up_is_refused(
    filled: tuple[Place, Path], capsys: pytest.CaptureFixture[str]
):
    place, file = filled
    if place.url:
        changed = rewritten(file, change=lambda content: content[: len(content) // 2])
    else:
        changed = rewritten(file, change=lambda content: content.replace(b"value", b"other"))
    assert await restored(place, changed, "--force") == 2
    assert "nothing was changed" in capsys.readouterr().err
    assert await value(place) == "value"
    assert not list(place.folder.glob("*.new*"))


async def test_a_number_without_end_is_damage(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    place, file = Place(tmp_path), tmp_path / "a.backup"
    async with place.open():
        await backed_up(place, file)
    before = b'"format": 1,\n "version": '
    after = b'"format":1e999,"version":'.ljust(len(before))
    content = file.read_bytes()
    assert before in content
    file.write_bytes(content.replace(before, after))
    assert await restored(Place(tmp_path / "new"), file) == 2
    assert "damaged" in capsys.readouterr().err


async def test_the_database_of_another_program_is_not_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    place, file = Place(tmp_path / "data"), tmp_path / "a.backup"
    async with place.open():
        await backed_up(place, file)
    other = tmp_path / "other"
    other.mkdir()
    with closing(sqlite3.connect(other / DATABASE)) as database, database:
        database.execute("CREATE TABLE members (name TEXT)")
    before = (other / DATABASE).read_bytes()
    assert await restored(Place(other), file, "--force") == 2
    assert "another program" in capsys.readouterr().err
    assert (other / DATABASE).read_bytes() == before
    assert not list(other.glob("*.new*"))


@posix
async def test_a_linked_backup_is_written_where_the_link_leads(tmp_path: Path):
    place, disk, link = Place(tmp_path / "data"), tmp_path / "disk", tmp_path / "a.backup"
    disk.mkdir()
    (disk / "real.backup").write_bytes(b"old")
    link.symlink_to(disk / "real.backup")
    async with place.open():
        assert await run("backup", link, "--database", place.folder) == 2
        assert (disk / "real.backup").read_bytes() == b"old"
        assert await run("backup", link, "--force", "--database", place.folder) == 0
    assert link.is_symlink()
    assert await restored(Place(tmp_path / "new"), disk / "real.backup") == 0


@posix
async def test_a_linked_database_is_restored_where_the_link_leads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    disk, folder, file = tmp_path / "disk", tmp_path / "folder", tmp_path / "a.backup"
    async with Place(disk).open() as store:
        await store.key_values.set("name", "value")
        await backed_up(Place(disk), file)
        await store.key_values.set("name", "later")
    folder.mkdir()
    (folder / DATABASE).symlink_to(disk / DATABASE)
    assert await restored(Place(folder), file, "--force") == 0
    assert (folder / DATABASE).is_symlink()
    assert await value(Place(disk)) == "value"
    away = disk.rename(tmp_path / "away")  # the disk is not mounted
    capsys.readouterr()
    assert await restored(Place(folder), file) == 2
    assert "No such file" in capsys.readouterr().err
    assert away.rename(disk).exists()
    assert await value(Place(folder)) == "value"


@pytest.mark.parametrize("content", [b"", b"no archive", os.urandom(5000)])
async def test_a_file_that_is_no_backup_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes
):
    file = tmp_path / "file"
    file.write_bytes(content)
    place = Place(tmp_path / "data")
    assert await restored(place, file) == 2
    assert "is no backup" in capsys.readouterr().err
    for missing in (tmp_path / "missing", tmp_path):
        assert await restored(place, missing) == 2
        assert "no file" in capsys.readouterr().err
    assert not (place.folder / DATABASE).exists()


@posix
async def test_a_full_disk_leaves_nothing_behind(
    filled: tuple[Place, Path], tmp_path: Path, request: pytest.FixtureRequest
):
    """No file can be larger than this, as if the disk were full."""
    place, file = filled
    target = await empty_place(place, tmp_path / "target", request)
    commands = [["backup", str(tmp_path / "b.backup"), "--database", named(place)]]
    if not place.url:
        commands.append(["restore", str(file), "--database", named(target)])
    for arguments in commands:
        limited = f'ulimit -f 64; exec "{sys.executable}" -m bot.storage "$@"'
        process = await asyncio.to_thread(
            subprocess.run,
            ["/bin/bash", "-c", limited, "bash", *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        assert process.returncode == 2, process.stderr
        assert process.stderr.startswith("error: ")
        assert process.stderr.count("\n") == 1
    assert not (tmp_path / "b.backup").exists()
    assert not list(tmp_path.glob(".*"))
    assert not list(target.folder.glob(f"{DATABASE}*"))


async def test_a_database_that_somebody_locks_is_not_backed_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Timings, "locked_seconds", 0.1)
    place = Place(tmp_path)
    async with place.open():
        pass
    with closing(sqlite3.connect(tmp_path / DATABASE, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode=DELETE")
        other.execute("BEGIN EXCLUSIVE")
        assert await run("backup", tmp_path / "a", "--database", tmp_path) == 2
        assert "locked" in capsys.readouterr().err
    assert not (tmp_path / "a").exists()


async def test_a_damaged_database_is_neither_backed_up_nor_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    good, bad = Place(tmp_path / "good"), Place(tmp_path / "bad")
    for place in (good, bad):
        async with place.open() as store:
            await store.drafts.add(1, bytes(100_000), None, None)
    await backed_up(good, tmp_path / "a.backup")
    path = bad.folder / DATABASE
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    capsys.readouterr()
    assert await run("backup", tmp_path / "b.backup", "--database", bad.folder) == 2
    assert "nothing was backed up" in capsys.readouterr().err
    path.write_bytes(b"no database at all" * 100)
    assert await restored(bad, tmp_path / "a.backup", "--force") == 2
    assert "to another folder" in capsys.readouterr().err
    assert path.read_bytes() == b"no database at all" * 100
    path.rename(path.with_name("old"))
    assert await restored(bad, tmp_path / "a.backup") == 0
