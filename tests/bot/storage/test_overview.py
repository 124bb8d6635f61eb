"""What the host's page asks of the store, on SQLite and on Postgres."""

from datetime import UTC, datetime, timedelta

from bot.jobs.records import StoredPicture
from bot.storage import Store
from engine.presets import make_recipe
from tests.harness.job_factory import finished_job, running_job

RECIPE = make_recipe("a red circle", seed=1, models="demo", steps=2)


async def test_failed_jobs_are_listed_with_their_reasons_newest_first(store: Store):
    for number in range(3):
        job = await running_job(store, author_id=number + 1)
        await store.lifecycle.fail(job.id, f"reason {number}")
    await finished_job(store)
    failures = await store.overview.failures(2)
    assert [(each.author_id, each.reason) for each in failures] == [
        (3, "reason 2"),
        (2, "reason 1"),
    ]
    assert abs(failures[0].ended_at - datetime.now(UTC)) < timedelta(minutes=5)


async def test_ends_are_counted_by_period_with_the_mean_wait(store: Store):
    for _ in range(2):
        job = await running_job(store)
        await store.lifecycle.finish(job.id, [StoredPicture(1, 1, b"x")], 1.0, stopped=False)
    job = await running_job(store)
    await store.lifecycle.fail(job.id, "why")
    queued = await store.jobs.add(1, "words", (RECIPE,))
    await store.lifecycle.cancel(queued.id)
    now = datetime.now(UTC)
    day = 24 * 3600
    periods = await store.overview.periods(now - timedelta(days=2), day)
    assert (sum(each.painted for each in periods), sum(each.failed for each in periods)) == (2, 1)
    assert all(each.wait is not None and 0 <= each.wait < day for each in periods)
    assert all(each.start.timestamp() % day == 0 for each in periods)
    assert await store.overview.periods(now + timedelta(days=1), day) == []


async def test_sizes_add_up_to_what_is_stored(store: Store):
    assert set((await store.overview.sizes()).values()) == {0}
    job = await finished_job(store)
    sizes = await store.overview.sizes()
    pictures = await store.lifecycle.pictures(job.id)
    assert sizes["pictures"] == sum(len(each.content) for each in pictures)
    assert sizes["recipes"] > 100
    await store.drafts.add(1, b"1234", b"12", None)
    assert (await store.overview.sizes())["drafts of edits"] == 6
