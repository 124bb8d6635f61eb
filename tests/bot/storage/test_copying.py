"""What is stored moves from SQLite to Postgres and back, or not at all."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bot.jobs.gallery import GalleryAudience, IndexEntry
from bot.jobs.history import PageDirection, Scope
from bot.jobs.job import JobLocation
from bot.saved_style import SavedStyle
from bot.storage import Store
from bot.storage.__main__ import main
from bot.storage.connection import DATABASE
from engine.presets import make_recipe
from tests.harness.gallery import posted_job
from tests.harness.job_factory import PARTS, notified_job, recipe_for, running_job, stored_parts
from tests.harness.postgres import PostgresServer
from tests.harness.stores import Place

AUTHOR = 2**62


async def copied(source: Place, target: Place) -> int:
    """Run the command in a thread, because it has a loop of its own."""
    return await asyncio.to_thread(main, ["copy", named(source), named(target)])


def named(place: Place) -> str:
    return place.url or str(place.folder)


async def fill(store: Store) -> None:
    recipe = make_recipe("x", seed=1, steps=1, init_image=b"a picture" * 1000)
    job = await notified_job(store, 300_000, AUTHOR, [recipe, recipe_for("ÜBER")])
    await store.jobs.set_location(job, JobLocation(5, 6, 7, 8))
    await store.jobs.add_post(job.id, 7, 10**18, 1)
    await running_job(store, 500, AUTHOR)
    gone = await notified_job(store, 10, AUTHOR)
    await store.personal_data.delete_job(gone.id, AUTHOR)
    draft = await store.drafts.add(AUTHOR, b"source", b"mask", "a ring")
    await store.drafts.delete(draft.id)
    await store.styles.save(AUTHOR, SavedStyle("straße", "ink"), 5)
    await store.key_values.set("name", "value")
    await store.personal_data.request_erasure(1, "de")
    await store.gallery.agree(AUTHOR, GalleryAudience.EVERYONE)
    posted = await posted_job(store, b"PNG", author_id=AUTHOR)
    await store.gallery_index.add([IndexEntry(posted.id, 1, "p", b"ab", "", 0.5)])


async def snapshot(store: Store) -> list[object]:
    """Return what the store says about everything."""
    jobs = [await store.exports.job(each) for each in (1, 2, 3)]
    contents = [
        (await store.lifecycle.pictures(each), await store.lifecycle.checkpoints(each))
        for each in (1, 2)
    ]
    page = await store.history.page(Scope(AUTHOR, search="WORDS"), PageDirection.OLDER, None)
    styles = await store.styles.of_user(AUTHOR)
    gallery = [await store.gallery.agreed_to(AUTHOR), await store.gallery_index.row_of(4, 1)]
    return [*jobs, *contents, page, styles, *gallery, await store.personal_data.erasures()]


async def test_everything_moves_to_postgres_and_back(
    postgres: PostgresServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    places = [
        Place(tmp_path / "first"),
        Place(tmp_path / "bot", await postgres.empty_database()),
        Place(tmp_path / "second"),
    ]
    async with places[0].open() as store:
        await fill(store)
        before = await snapshot(store)
    for source, target in ((places[0], places[1]), (places[1], places[2])):
        assert await copied(source, target) == 0
        assert "Everything was copied" in capsys.readouterr().out
        async with target.open() as store:
            assert await snapshot(store) == before
            (record,) = await store.jobs.list_open()
            assert await stored_parts(store, record.job) == PARTS - {"pictures"}
            await store.gallery_index.add([IndexEntry(4, 1, "p", b"cd", "", 0.5)])
            await store.gallery_index.add([IndexEntry(4, 1, "p", b"ab", "", 0.5)])
            before = await snapshot(store)
    async with places[2].open() as store:
        assert (await store.jobs.add(AUTHOR, "next", (recipe_for("next"),))).id == 5
        assert (await store.drafts.add(AUTHOR, b"s", None, None)).id == 2


async def test_a_database_that_a_bot_uses_is_not_copied(
    postgres: PostgresServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    ours = Place(tmp_path / "ours")
    theirs = Place(tmp_path / "bot", await postgres.new_database())
    other = Place(tmp_path / "other")
    async with ours.open():
        assert await copied(ours, theirs) == 2
        assert "another bot uses" in capsys.readouterr().err
    async with theirs.open(), other.open():
        pass
    lock = "SELECT pg_advisory_lock(7236109, hashtext('public')), pg_sleep(20)"
    holding = asyncio.create_task(postgres.execute(theirs.url, lock))
    await asyncio.sleep(0.3)
    assert await copied(theirs, ours) == 2
    assert "another bot uses" in capsys.readouterr().err
    holding.cancel()


async def test_a_target_that_holds_something_is_left_as_it_is(
    postgres: PostgresServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    filled = Place(tmp_path / "filled")
    used = Place(tmp_path / "bot", await postgres.new_database())
    async with filled.open() as store:
        await store.key_values.set("name", "value")
    async with used.open() as store:
        await store.key_values.set("name", "theirs")
    for source, target in ((filled, used), (used, filled)):
        assert await copied(source, target) == 2
        assert "not empty" in capsys.readouterr().err
    assert await copied(Place(tmp_path / "nothing"), used) == 2
    assert "no database" in capsys.readouterr().err
    async with used.open() as store:
        assert await store.key_values.get("name") == "theirs"


async def test_a_copy_that_fails_leaves_the_target_empty(
    postgres: PostgresServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    source, url = Place(tmp_path / "source"), await postgres.empty_database()
    async with source.open() as store:
        await fill(store)
    with closing(sqlite3.connect(source.folder / DATABASE)) as database, database:
        database.execute("INSERT INTO posts (message_id, job_id) VALUES (1, 999)")  # no such job
    target = Place(tmp_path / "bot", url)
    assert await copied(source, target) == 2
    error = capsys.readouterr().err
    assert "the target is empty" in error
    assert "999" in error
    assert not await postgres.execute(url, "SELECT * FROM jobs")
    with closing(sqlite3.connect(source.folder / DATABASE)) as database, database:
        database.execute("DELETE FROM posts WHERE job_id = 999")
        database.execute("UPDATE jobs SET recipes = 'no JSON' WHERE id = 2")
    back = Place(tmp_path / "back")
    for place in (target, back):
        assert await copied(source, place) == 2
        assert "the target is empty" in capsys.readouterr().err
    assert not (back.folder / DATABASE).exists()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://nobody:s3cret@/none?host={}", "nobody"),
        ("postgresql://nobody:s3cret/s3cret#s3cret@host/none", "%2F"),
        ("postgresql://nobody:s3cret@/none?host={}&port=1", "cannot reach the server"),
    ],
)
async def test_a_url_that_does_not_work_is_refused_without_its_password(
    postgres: PostgresServer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    url: str,
    said: str,
):
    secret = tmp_path / "url"
    secret.write_text(url.format(postgres.folder))
    assert await asyncio.to_thread(main, ["copy", f"@{secret}", str(tmp_path / "new")]) == 2
    told = capsys.readouterr()
    assert told.err.startswith("error: storage.url")
    assert said in told.err
    assert "s3cret" not in told.err + told.out
