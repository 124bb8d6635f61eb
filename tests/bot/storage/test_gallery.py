"""Which pictures the store lets the gallery show, on SQLite and on Postgres."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot.jobs.gallery import GalleryAudience, GalleryScope, IndexEntry, ShownPicture
from bot.jobs.job import Job, JobState
from bot.storage import Store
from bot.storage.retention import BlobKind
from tests.harness.gallery import posted_job

AUTHOR, OTHER, GUILD, CHANNEL = 2**62, 2**62 + 1, 2**61, 2**60
EVERYONE, HOST = GalleryAudience.EVERYONE, GalleryAudience.HOST
SCOPE = GalleryScope({1.0: frozenset((CHANNEL,))})
PICTURE = b"\x89PNG" + bytes(1000)


async def add(
    store: Store,
    prompt: str = "words",
    author_id: int = AUTHOR,
    channel: int = CHANNEL,
    parent_id: int | None = None,
):
    place = {"guild_id": GUILD, "channel_id": channel}
    return await posted_job(
        store, PICTURE, prompt, author_id=author_id, parent_id=parent_id, **place
    )


async def jobs_in(store: Store, scope: GalleryScope = SCOPE) -> list[int]:
    return [each.job_id for each in await store.gallery.newest(scope, 0, 25)]


def entry(job: Job, vector: bytes = b"ab", perceptor: str = "p", **values: object) -> IndexEntry:
    found = IndexEntry(job.id, 1, perceptor, vector, "", None)
    return replace(found, **values)  # pyright: ignore[reportArgumentType]


async def test_only_pictures_of_people_who_agree_are_found(store: Store):
    own, other = await add(store), await add(store, author_id=OTHER)
    assert await jobs_in(store) == []
    await store.gallery.agree(AUTHOR, EVERYONE)
    await store.gallery.agree(OTHER, HOST)
    assert await jobs_in(store) == [own.id]
    assert await jobs_in(store, replace(SCOPE, audience=HOST)) == [other.id, own.id]
    assert await store.gallery.places(EVERYONE) == [(GUILD, CHANNEL)]
    found = await store.gallery.one(SCOPE, own.id, 1)
    assert isinstance(found, ShownPicture)
    assert (found.guild_id, found.prompt, found.head[:4]) == (GUILD, "words", b"\x89PNG")
    assert await store.gallery.one(SCOPE, other.id, 1) is None
    assert await store.gallery.one(SCOPE, own.id, 2) is None
    await store.gallery.withdraw(AUTHOR)
    assert await jobs_in(store) == []


async def test_channels_people_and_words_narrow_what_is_found(store: Store):
    await store.gallery.agree(AUTHOR, EVERYONE)
    await store.gallery.agree(OTHER, EVERYONE)
    first = await add(store, "Ein ÜBERGROSSER Kreis, 100%")
    second = await add(store, "a small circle", OTHER, CHANNEL + 1)
    both = GalleryScope({1.0: frozenset((CHANNEL, CHANNEL + 1))})
    assert await jobs_in(store, both) == [second.id, first.id]
    assert await store.gallery.counts(both) == {GUILD: 2}
    assert await jobs_in(store, GalleryScope({})) == []
    for words in (("übergrosser",), ("100%", "KREIS"), ("\0ein",)):
        assert await jobs_in(store, replace(both, words=words)) == [first.id]
    assert await jobs_in(store, replace(both, words=("kreis", "small"))) == []
    assert await jobs_in(store, replace(both, blocked=frozenset((AUTHOR,)))) == [second.id]
    pairs = frozenset(((GUILD, OTHER), (GUILD + 1, AUTHOR)))
    assert await jobs_in(store, replace(both, blocked_in=pairs)) == [first.id]


async def test_what_goes_on_from_jobs_of_others_is_not_found(store: Store):
    await store.gallery.agree(AUTHOR, EVERYONE)
    await store.gallery.agree(OTHER, EVERYONE)
    first = await add(store)
    own = await add(store, parent_id=first.id)
    others = await add(store, author_id=OTHER, parent_id=own.id)
    back = await add(store, parent_id=others.id)
    assert await jobs_in(store) == [own.id, first.id]
    assert [each.borrowed for each in (first, own, others, back)] == [False, False, True, True]
    await store.personal_data.request_erasure(OTHER)
    assert await store.personal_data.delete_job(others.id, OTHER)
    assert (await add(store, parent_id=others.id)).borrowed  # nobody knows whose that was
    assert await jobs_in(store) == [own.id, first.id]


async def test_pages_follow_each_other(store: Store):
    await store.gallery.agree(AUTHOR, EVERYONE)
    jobs = [(await add(store)).id for _ in range(5)]
    pages = [await store.gallery.newest(SCOPE, skipped, 2) for skipped in (0, 2, 4, 6)]
    assert [[each.job_id for each in page] for page in pages] == [
        *(jobs[:2:-1], jobs[2:0:-1], jobs[:1], [])
    ]


async def test_what_ended_otherwise_is_not_found(store: Store):
    await store.gallery.agree(AUTHOR, EVERYONE)
    job = await add(store)
    (post,) = await store.jobs.posts(job.id)
    await store.jobs.forget_posts([post.message_id, 77])
    assert await jobs_in(store) == []
    await store.jobs.add_post(job.id, CHANNEL + 1, 1, 0)  # elsewhere
    assert await jobs_in(store) == []
    await store.history.add_repost(job.id, CHANNEL, 2, picture=2)
    assert await jobs_in(store) == []
    await store.history.add_repost(job.id, CHANNEL, 3, picture=1)
    assert await jobs_in(store) == [job.id]
    await store.personal_data.request_erasure(AUTHOR)
    await store.gallery.agree(AUTHOR, EVERYONE)  # for later pictures
    assert await jobs_in(store) == []
    assert await jobs_in(store) == []
    later = await add(store)
    assert await jobs_in(store) == [later.id]
    assert await store.jobs.state(later.id) is JobState.DONE


async def test_embeddings_go_with_their_pictures(store: Store):
    await store.gallery.agree(AUTHOR, EVERYONE)
    await store.gallery.agree(OTHER, EVERYONE)
    jobs = [await add(store), await add(store), await add(store, author_id=OTHER), await add(store)]
    index = store.gallery_index
    await index.add([entry(each, bytes([number, 0])) for number, each in enumerate(jobs)])
    assert [each.vector[0] for each in await index.embedded_after("p", 0, 9)] == [0, 1, 2, 3]
    await store.retention.remove_before(BlobKind.PICTURES, datetime.now(UTC) - timedelta(days=1))
    assert await index.count() == 4
    await store.lifecycle.delete_pictures(jobs[0].id)
    assert await index.count() == 3
    await store.gallery.withdraw(OTHER)
    assert await index.count() == 2
    await store.personal_data.request_erasure(AUTHOR)
    assert await store.personal_data.delete_job(jobs[1].id, AUTHOR)
    assert await index.count() == 1
    later = datetime.now(UTC) + timedelta(days=1)
    await store.retention.remove_before(BlobKind.PICTURES, later)
    assert await index.count() == 0


async def test_what_is_known_of_a_picture_is_replaced(store: Store):
    await store.gallery.agree(AUTHOR, EVERYONE)
    job, other = await add(store), await add(store, author_id=OTHER)
    index = store.gallery_index
    assert await index.unknown(EVERYONE, "", "", 9) == [(job.id, 1)]
    await index.add([entry(job), entry(other), entry(job, number=2)])  # only one is in the gallery
    assert await index.count() == 1
    assert await index.unknown(EVERYONE, "p", "", 9) == []
    assert await index.unknown(EVERYONE, "q", "", 9) == [(job.id, 1)]
    assert await index.unknown(EVERYONE, "p", "filter", 9) == [(job.id, 1)]
    before = await index.row_of(job.id, 1)
    await index.add([entry(job, b"cd", "q", picture_filter="filter", score=0.5)])
    after = await index.row_of(job.id, 1)
    assert before is not None
    assert after is not None
    assert after[1:] == ("q", b"cd")
    assert after[0] > before[0]  # so that it is read again
    assert await index.unknown(EVERYONE, "q", "filter", 9) == []
    for threshold, is_found in ((0.4, False), (0.5, True)):
        scope = GalleryScope({threshold: frozenset((CHANNEL,))}, picture_filter="filter")
        assert bool(await jobs_in(store, scope)) == is_found
        assert bool(await store.gallery.embedded(scope, [after[0]])) == is_found
        assert bool(await store.gallery.matching(scope, 9)) == is_found
    scope = GalleryScope({0.9: frozenset((CHANNEL,))}, picture_filter="another")
    assert await jobs_in(store, scope) == []
