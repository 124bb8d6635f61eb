"""What every repository of the store promises, on SQLite and on Postgres."""

import asyncio
import os
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection

from bot.config import BotSettings, StorageSettings
from bot.delivery.moderation_log import ModerationLog
from bot.errors import UserError
from bot.guild_settings import GuildSettings
from bot.jobs.history import PageDirection, Scope
from bot.jobs.job import JobLocation, JobOrigin, JobState
from bot.jobs.records import StoredCheckpoint, StoredFrame, StoredPicture
from bot.picture_check import PictureCheck
from bot.privacy.retention import RetentionService
from bot.saved_style import SavedStyle
from bot.storage import Store
from bot.storage.retention import BlobKind
from bot.storage.tables import Base
from bot.submission.policy import SubmissionPolicy
from bot.submission.requester import Requester
from bot.submission.server_languages import ServerLanguages
from bot.timings import Timings
from engine.errors import SettingsError
from engine.files import MEBIBYTE
from engine.models.memory import Budget
from engine.presets import make_recipe
from tests.bot.storage.maintenance.backup_helpers import run
from tests.harness.job_factory import PARTS, finished_job, notified_job, running_job, stored_parts
from tests.harness.postgres import PostgresServer
from tests.harness.stores import Place

AUTHOR, GUILD = 2**62, 2**61
RECIPE = make_recipe("a red circle", seed=1, models="demo", steps=2)
LARGEST = 10**18 - 1
"""The largest number that a button can name."""


async def test_what_is_stored_is_there_after_a_restart(place: Place):
    async with place.open() as store:
        job = await running_job(store, author_id=AUTHOR)
        await store.key_values.set("name", "one")
        await store.key_values.set("name", "two")
    async with place.open() as store:
        assert await store.key_values.get("name") == "two"
        (record,) = await store.jobs.list_open()
        assert (record.job, record.state) == (job, JobState.RUNNING)
        assert await store.jobs.steps_stored() == {job.id: 1}


async def test_a_second_program_is_refused(place: Place, tmp_path: Path):
    async with place.open():
        second = Place(tmp_path / "other" if place.url else place.folder, place.url)
        with pytest.raises(SettingsError, match="another bot uses"):
            async with second.open(locked_seconds=0.1):
                pass


async def test_a_checkpoint_replaces_the_same_one_and_older_ones(store: Store):
    job = await running_job(store)
    for steps, state in ((2, b"a"), (3, b"b"), (3, b"c"), (4, b"d")):
        frames = [StoredFrame(1, step, state) for step in (steps, steps + 1)]
        checkpoint = StoredCheckpoint(1, steps, 0.5, state)
        assert await store.lifecycle.add_checkpoint(job.id, checkpoint, frames)
    found = await store.lifecycle.checkpoints(job.id)
    assert [(each.steps_done, each.state) for each in found] == [(4, b"d"), (3, b"c")]
    frames = await store.lifecycle.frames(job.id)
    assert [(each.step, each.content) for each in frames[1:]] == [
        *((2, b"a"), (3, b"c"), (4, b"d"), (5, b"d"))
    ]
    assert len(await store.lifecycle.some_frames(job.id, 3)) == 3


async def test_a_resumed_job_gets_the_checkpoints_of_its_parent(store: Store):
    parent = await finished_job(store)
    origin = JobOrigin("more", parent.id, resumes=True)
    job = await store.jobs.add(AUTHOR, "words", (RECIPE,), origin)
    assert await stored_parts(store, job) == {"checkpoints", "frames"}
    assert await store.jobs.runs_stored(job.id) == {job.id: "cpu"}


async def test_the_newest_checkpoint_says_on_what_a_job_is_painted(store: Store):
    jobs = [await running_job(store) for _ in range(2)]
    await store.lifecycle.add_checkpoint(jobs[0].id, StoredCheckpoint(1, 9, 0.2, b"", "cuda/A"), [])
    await store.lifecycle.add_checkpoint(jobs[0].id, StoredCheckpoint(2, 1, 0.3, b"", "cuda/B"), [])
    assert await store.jobs.runs_stored() == {jobs[0].id: "cuda/B", jobs[1].id: "cpu"}
    assert await store.jobs.runs_stored(jobs[0].id) == {jobs[0].id: "cuda/B"}
    kept = await store.lifecycle.checkpoints(jobs[0].id)
    assert [each.runs for each in kept] == ["cuda/A", "cpu", "cuda/B"]
    await store.lifecycle.cancel(jobs[0].id)
    assert list(await store.jobs.runs_stored()) == [jobs[1].id]


async def test_of_changes_at_the_same_time_the_first_one_wins(store: Store):
    for _ in range(10):
        job = await running_job(store)
        lifecycle = store.lifecycle
        picture = [StoredPicture(1, 1, b"x")]
        changed = await asyncio.gather(
            lifecycle.finish(job.id, picture, 1.0, stopped=False),
            lifecycle.finish(job.id, picture, 1.0, stopped=True),
            lifecycle.cancel(job.id),
            lifecycle.fail(job.id, "why"),
        )
        assert changed.count(True) == 1
        assert bool(await lifecycle.pictures(job.id)) == (changed.index(True) < 2)


async def test_the_history_finds_prompts_in_any_case_and_script(store: Store):
    prompts = ["Ein ÜBERGROSSER Kreis", "100% / a_b", "ÑANDÚ"]
    for prompt in prompts:
        job = await store.jobs.add(AUTHOR, prompt, (RECIPE,), guild_id=GUILD, channel_id=3)
        await store.lifecycle.finish(job.id, [StoredPicture(1, 1, b"x")], 1.0, stopped=False)
        await store.jobs.set_location(job, JobLocation(GUILD, 3, 3, 10**17 + job.id))
    for term, number in (("übergroßer k", 1), ("%", 2), ("_", 2), ("/", 2), ("ñandú", 3), ("", 3)):
        scope = Scope(AUTHOR, GUILD, frozenset({3}), term)
        page = await store.history.page(scope, PageDirection.OLDER, None)
        assert page is not None
        assert (page.prompt, page.steps) == (prompts[number - 1], (1,))
        assert page.link == f"https://discord.com/channels/{GUILD}/3/{10**17 + number}"
    everything = Scope(AUTHOR)
    older = await store.history.page(everything, PageDirection.OLDER, 3)
    assert older is not None
    assert (older.job_id, older.place, older.total) == (2, 2, 3)
    assert await store.history.page(everything, PageDirection.OLDER, LARGEST) is not None
    assert await store.history.page(everything, PageDirection.HERE, LARGEST) is None


async def test_numbers_of_buttons_may_be_as_large_as_they_like(store: Store):
    assert await store.jobs.get(LARGEST) is None
    assert await store.drafts.get(LARGEST) is None
    assert not await store.lifecycle.cancel(LARGEST)
    assert await store.history.taken(LARGEST, LARGEST, LARGEST) is None
    await store.history.add_repost(LARGEST, LARGEST, LARGEST)
    assert await store.jobs.by_message(LARGEST) is None
    job = await finished_job(store)
    await store.history.add_repost(job.id, LARGEST, LARGEST - 1, 2)
    await store.history.add_repost(job.id, LARGEST, LARGEST)
    assert await store.history.taken(job.id, LARGEST, 2) == LARGEST - 1
    assert [each.message_id for each in await store.jobs.posts(job.id)] == [LARGEST - 1, LARGEST]


async def test_a_text_with_the_character_zero_is_stored_without_it(store: Store):
    job = await store.jobs.add(AUTHOR, "a\0b", (RECIPE,))
    record = await store.jobs.get(job.id)
    assert record is not None
    assert record.job.prompt == "ab"
    await store.lifecycle.set_notice(job.id, "no\0tice")
    draft = await store.drafts.add(AUTHOR, b"\0", None, "x\0y")
    kept = await store.drafts.get(draft.id)
    assert kept is not None
    assert (kept.source, kept.replace_with) == (b"\0", "xy")
    assert await store.styles.save(AUTHOR, SavedStyle("a\0b", "w\0"), 5)
    assert await store.styles.words(AUTHOR, "ab") == await store.styles.words(AUTHOR, "a\0b") == "w"


async def test_drafts_and_styles_are_bounded(store: Store):
    ids = [(await store.drafts.add(AUTHOR, b"x", b"m", None)).id for _ in range(12)]
    assert [await store.drafts.get(each) is not None for each in ids] == [False] * 2 + [True] * 10
    draft = await store.drafts.get(ids[-1])
    assert draft is not None
    await store.drafts.put(draft)
    assert await store.drafts.delete(draft.id)
    assert not await store.drafts.delete(draft.id)
    saved = [await store.styles.save(AUTHOR, SavedStyle(n, n), 2) for n in ("b", "A", "c", "a")]
    assert saved == [True, True, False, True]
    assert [each.name for each in await store.styles.of_user(AUTHOR)] == ["a", "b"]
    assert await store.styles.delete(AUTHOR, "B") == SavedStyle("b", "b")


async def test_settings_that_change_at_the_same_time_are_all_kept(store: Store):
    async def block(person: int) -> None:
        def change(old: GuildSettings) -> GuildSettings:
            return old.model_copy(update={"blocked_people": (*old.blocked_people, person)})

        await store.guild_settings.change(GUILD, change)

    await asyncio.gather(*map(block, range(1, 9)))
    assert set((await store.guild_settings.get(GUILD)).blocked_people) == set(range(1, 9))


async def test_everything_about_a_person_is_exported_and_erased(store: Store):
    job, other = await notified_job(store, author_id=AUTHOR), await notified_job(store)
    await store.jobs.set_location(job, JobLocation(GUILD, 3, 4, 5))
    await store.jobs.add_post(job.id, 4, 6, 1)
    await store.drafts.add(AUTHOR, b"x", None, None)
    await store.preferences.change(AUTHOR, lambda before: before.changed(notify="dm"))
    await store.styles.save(AUTHOR, SavedStyle("a", "b"), 5)
    await store.key_values.set(f"told: {AUTHOR}", "now")
    await store.log_messages.add(AUTHOR, 8, 9)
    account = await store.exports.account(AUTHOR)
    assert {*account} == {"facts", "preferences", "styles", "log_messages"}
    exported = await store.exports.job(job.id)
    assert exported is not None
    assert exported["prompt"] == "words"
    assert "prompt_folded" not in exported
    request = await store.personal_data.request_erasure(AUTHOR)
    assert await store.personal_data.erasable(request) == [job.id]
    assert await store.personal_data.delete_job(job.id, AUTHOR)
    await store.personal_data.delete_drafts(request)
    await store.personal_data.delete_log_messages(AUTHOR)
    assert await store.personal_data.finish_erasure(AUTHOR) is None
    messages = set()
    async for each in store.personal_data.pending_deletions(AUTHOR):
        messages.add(each.message_id)
        await store.personal_data.finish_deletion(each, succeeded=True)
    assert messages == {5, 6, 9}
    done = await store.personal_data.finish_erasure(AUTHOR)
    assert done is not None
    assert (done.jobs, done.pictures, done.drafts) == (1, 1, 1)
    assert await store.exports.account(AUTHOR) == {}
    assert await store.jobs.get(job.id) is None
    assert await stored_parts(store, other) == PARTS


async def test_budgets_hold(store: Store):
    few = await notified_job(store, MEBIBYTE // 4, author_id=1)
    uploads = make_recipe("x", seed=1, steps=1, init_image=os.urandom(MEBIBYTE))
    many = [await notified_job(store, MEBIBYTE // 2, 2, [uploads]) for _ in range(6)]
    settings = StorageSettings(keep_days=0, disk_mib=6, person_mib=9)
    assert await store.quotas.stored_bytes(2) > 9 * MEBIBYTE
    await RetentionService(store, settings).tidy()
    assert await store.quotas.stored_bytes(2) <= 9 * MEBIBYTE
    assert await store.retention.used_bytes() <= 6 * MEBIBYTE
    assert await stored_parts(store, few) == PARTS
    later = datetime.now(UTC) + timedelta(1)
    for kind in BlobKind:
        while await store.retention.remove_before(kind, later):
            pass
    assert await store.jobs.get(many[0].id) is None
    assert await store.retention.holders() == []


async def test_of_requests_at_the_same_time_only_so_many_are_admitted_as_are_allowed(
    place: Place, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("bot.storage.database_lock.DatabaseLock._try", _pretend_to_lock)
    settings = BotSettings()
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(place.open(60.0))
        stores = [one]
        if place.url:  # as two programs that the lock of the database did not keep apart
            other = Place(place.folder / "other", place.url)
            stores.append(await stack.enter_async_context(other.open(60.0)))
        tries = [admit(stores[n % len(stores)], settings) for n in range(20)]
        admitted = await asyncio.gather(*tries)
        assert admitted.count(True) == settings.limits.jobs_per_person
        assert await one.jobs.count_open() == settings.limits.jobs_per_person


async def _pretend_to_lock(lock) -> bool:
    lock._connection = await lock._connect()
    return True


async def admit(store: Store, settings: BotSettings) -> bool:
    check = PictureCheck(settings.safety, store, None)
    log = ModerationLog(store, Timings(), check, ServerLanguages(store).of)
    policy = SubmissionPolicy(settings, store, lambda _: Budget(2**40), log)
    requester = Requester(AUTHOR, None, None, None)  # pyright: ignore[reportArgumentType]
    guild = await store.guild_settings.get(None)
    try:
        async with store.admission():
            await policy.check_quota(requester, guild, 1)
            await store.jobs.add(AUTHOR, "words", (RECIPE,))
    except UserError:
        return False
    return True


async def test_the_tables_of_postgres_are_those_that_the_program_works_with(
    postgres: PostgresServer, tmp_path: Path
):
    place = Place(tmp_path, await postgres.empty_database())
    for _ in range(2):
        async with place.open() as store, store._database.engine.connect() as connection:
            assert await connection.run_sync(_differences) == []


def _differences(connection: Connection) -> list[object]:
    return compare_metadata(MigrationContext.configure(connection), Base.metadata)


async def test_an_older_database_of_postgres_is_migrated(postgres: PostgresServer, tmp_path: Path):
    url = await postgres.new_database()
    place = Place(tmp_path, url)
    async with place.open() as store:
        job = await store.jobs.add(AUTHOR, "ÜBER", (RECIPE,))
        await store.jobs.add_post(job.id, 1, 2, 1)
        await store.lifecycle.finish(job.id, [], 1.0, stopped=False)
    assert await run("downgrade", "0015", "--yes", "--database", url) == 0
    async with place.open() as store:
        scope = Scope(AUTHOR, search="über")
        assert await store.history.page(scope, PageDirection.OLDER, None) is not None
        async with store._database.engine.connect() as connection:
            assert await connection.run_sync(_differences) == []
    await postgres.execute(url, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SettingsError, match="newer"):
        async with place.open():
            pass


async def test_a_database_with_other_tables_is_left_alone(postgres: PostgresServer, tmp_path: Path):
    url = await postgres.empty_database()
    await postgres.execute(url, "CREATE TABLE jobs (x int)")
    with pytest.raises(SettingsError, match="another program"):
        async with Place(tmp_path, url).open():
            pass
    assert not await postgres.execute(url, "SELECT * FROM jobs")
