"""Where jobs are announced, whose messages are whose, and how much users have asked for."""

from datetime import UTC, datetime, timedelta

from bot.jobs.job import JobLocation, JobState
from bot.storage import Store
from bot.storage.quotas import Usage
from engine.presets import make_recipe

AUTHOR, OTHER, GUILD = 1, 2, 5
RECIPE = make_recipe("a red circle", seed=1, models="demo", steps=2)
LOCATION = JobLocation(GUILD, 6, 7, 8)
DAY = timedelta(days=1)


async def usage(store: Store, guild_id: int | None) -> Usage:
    now = datetime.now(UTC)
    return await store.quotas.usage(AUTHOR, guild_id, now - DAY, now)


async def test_set_location_returns_the_present_state(store: Store):
    waiting, cancelled = [
        await store.jobs.add(AUTHOR, "words", (RECIPE,), guild_id=GUILD) for _ in range(2)
    ]
    await store.lifecycle.cancel(cancelled.id)
    records = [await store.jobs.set_location(job, LOCATION) for job in (waiting, cancelled)]
    assert [each and each.state for each in records] == [JobState.QUEUED, JobState.CANCELLED]
    assert records == [await store.jobs.get(job.id) for job in (waiting, cancelled)]


async def test_set_location_of_a_deleted_job_returns_none(store: Store):
    job = await store.jobs.add(AUTHOR, "words", (RECIPE,))
    await store.lifecycle.cancel(job.id)
    await store.lifecycle.mark_notified(job.id)
    assert await store.personal_data.delete_job(job.id, AUTHOR)
    assert await store.jobs.set_location(job, LOCATION) is None


async def test_messages_lead_to_their_job(store: Store):
    job = await store.jobs.add(AUTHOR, "words", (RECIPE,))
    await store.jobs.set_location(job, LOCATION)
    await store.jobs.set_progress_message(job.id, 9)
    await store.jobs.add_post(job.id, 7, 10, 1)
    found = [await store.jobs.by_message(number) for number in (7, 8, 9, 10)]
    assert [each and each.job.id for each in found] == [None, job.id, job.id, job.id]
    found = [await store.jobs.by_post(number) for number in (8, 9, 10)]
    assert [each and each.job.id for each in found] == [None, None, job.id]


async def test_usage_counts_by_user_guild_and_state(store: Store):
    assert await usage(store, GUILD) == Usage(0, 0, 0, 0, 0, 0)
    await store.jobs.add(AUTHOR, "two pictures", (RECIPE, RECIPE), guild_id=GUILD)
    await store.jobs.add(AUTHOR, "in direct messages", (RECIPE,))
    await store.jobs.add(OTHER, "of someone else", (RECIPE,), guild_id=GUILD)
    assert await usage(store, GUILD) == Usage(3, 2, 2, 1, pictures=3, guild_pictures=2)
    assert await usage(store, None) == Usage(3, 2, 0, 0, pictures=3, guild_pictures=0)
    for end in (store.lifecycle.cancel, lambda job_id: store.lifecycle.fail(job_id, "why")):
        job = await store.jobs.add(AUTHOR, "never painted", (RECIPE,), guild_id=GUILD)
        await end(job.id)
    done = await store.jobs.add(AUTHOR, "painted", (RECIPE,), guild_id=GUILD)
    await store.lifecycle.finish(done.id, [], 1.0, stopped=False)
    assert await usage(store, GUILD) == Usage(3, 2, 2, 1, pictures=4, guild_pictures=3)
