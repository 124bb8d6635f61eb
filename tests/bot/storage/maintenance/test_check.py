"""`check` finds what is damaged, and changes nothing."""

import hashlib
import io
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

from bot.jobs.gallery import GalleryAudience, IndexEntry
from bot.jobs.records import StoredCheckpoint, StoredFrame, StoredPicture
from bot.storage import Store
from bot.storage.connection import DATABASE
from engine.presets import make_recipe
from tests.bot.storage.maintenance.backup_helpers import named, run
from tests.harness.gallery import posted_job
from tests.harness.postgres import PostgresServer
from tests.harness.stores import Place


def picture(format_name: str) -> bytes:
    output = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(output, format_name)
    return output.getvalue()


async def fill(store: Store) -> None:
    """Store a finished job with everything that a job can have, and a draft."""
    recipe = make_recipe("a ring", seed=1, steps=1, init_image=picture("PNG"))
    job = await store.jobs.add(5, "a ring", (recipe,))
    await store.lifecycle.mark_running(job.id)
    frame = StoredFrame(1, 1, picture("WEBP"))
    await store.lifecycle.add_checkpoint(job.id, StoredCheckpoint(1, 1, 0.1, b"state"), [frame])
    await store.lifecycle.finish(job.id, [StoredPicture(1, 1, picture("PNG"))], 0.1, stopped=False)
    await store.drafts.add(5, picture("PNG"), None, None)


async def change(place: Place, request: pytest.FixtureRequest, *statements: str) -> None:
    """Change a database as nothing of the program does."""
    for statement in statements:
        if place.url:
            server: PostgresServer = request.getfixturevalue("postgres")
            await server.execute(place.url, statement.replace("X'", "'\\x"))
        else:
            with closing(sqlite3.connect(place.folder / DATABASE)) as database, database:
                database.execute(statement)


async def test_a_whole_database_passes_while_a_bot_uses_it_and_stays_as_it_is(
    place: Place, capsys: pytest.CaptureFixture[str]
):
    async with place.open() as store:
        await fill(store)
        assert await run("check", "--database", named(place)) == 0
    assert "Nothing is damaged" in capsys.readouterr().out
    before = [hashlib.sha256(each.read_bytes()).digest() for each in place.folder.glob("bot.s*")]
    assert await run("check", "--database", named(place)) == 0
    after = [hashlib.sha256(each.read_bytes()).digest() for each in place.folder.glob("bot.s*")]
    assert before == after


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE checkpoints SET state = X'00'", "checkpoint of picture 1 at step 1 is damaged"),
        ("UPDATE sources SET content = X'00'", "attached picture"),
        ("UPDATE pictures SET content = X'00'", "job 1, picture 1: "),
        ("UPDATE frames SET content = X'89504E470D0A1A0A'", "frame at step 1"),
        ("UPDATE drafts SET source = X'00'", "draft 1: "),
        ("DELETE FROM sources", "a picture of its recipe is missing"),
        ("UPDATE jobs SET recipes = '7'", "are no JSON"),
    ],
)
async def test_what_is_damaged_is_named(
    place: Place,
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
    statement: str,
    said: str,
):
    async with place.open() as store:
        await fill(store)
    await change(place, request, statement)
    assert await run("check", "--database", named(place)) == 1
    out = capsys.readouterr().out
    assert said in out
    assert "1 problem was found" in out


async def test_rows_without_their_job_are_counted(
    place: Place, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
):
    async with place.open():
        pass
    if place.url:
        await change(place, request, "ALTER TABLE posts DROP CONSTRAINT posts_job_id_fkey")
    for number in range(3):
        await change(place, request, f"INSERT INTO posts (message_id, job_id) VALUES ({number}, 9)")
    assert await run("check", "--database", named(place)) == 1
    assert "3 rows of posts belong to no row of jobs" in capsys.readouterr().out


async def test_damage_of_the_gallery_is_found(
    place: Place, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
):
    async with place.open() as store:
        await store.gallery.agree(5, GalleryAudience.EVERYONE)
        job = await posted_job(store, picture("PNG"))
        await store.gallery_index.add([IndexEntry(job.id, 1, "p", b"odd", "", None)])
    orphan = (
        "INSERT INTO gallery_pictures (job_id, number, perceptor, vector, picture_filter) "
        f"VALUES ({job.id}, 2, 'p', X'', '')"
    )
    if place.url:
        constraint = "gallery_pictures_job_id_number_fkey"
        await change(place, request, f"ALTER TABLE gallery_pictures DROP CONSTRAINT {constraint}")
    await change(place, request, orphan)
    assert await run("check", "--database", named(place)) == 1
    told = capsys.readouterr().out
    assert "1 rows of gallery_pictures belong to no row of pictures" in told
    assert f"job {job.id}, picture 1: its embedding for the gallery is damaged" in told


async def test_damage_inside_the_file_of_sqlite_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    place = Place(tmp_path)
    async with place.open() as store:
        for number in range(50):
            await store.drafts.add(number, picture("PNG"), None, None)
    path = tmp_path / DATABASE
    content = bytearray(path.read_bytes())
    for page in range(len(content) // 8192, len(content) // 4096, 7):
        content[page * 4096 : page * 4096 + 64] = bytes(64)
    path.write_bytes(content)
    assert await run("check", "--database", named(place)) == 1
    assert "the table drafts cannot be read" in capsys.readouterr().out
    path.write_bytes(b"no database at all" * 100)
    assert await run("check", "--database", named(place)) == 2
    assert "error: cannot read the database" in capsys.readouterr().err
