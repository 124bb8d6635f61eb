"""The gallery shows what people agreed to, and nothing that others could not see on Discord."""

import io
from collections.abc import AsyncIterator
from pathlib import Path

import discord
import pytest
from PIL import Image

from bot.config import SafetySettings
from bot.gallery import GalleryAudience
from tests.harness.bot_harness import (
    BotHarness,
    channel_of,
    ephemeral_text,
    job_in_progress,
    open_bot,
    opened,
    painted,
    result_of,
    until_true,
)
from tests.harness.gallery import (
    EVERYONE,
    drawn,
    gallery_settings,
    open_gallery,
    posted_job,
    shown,
    until_indexed,
)
from tests.harness.picture_filters import SimpleFilter, open_filtered_bot, same_as

HIDDEN = discord.PermissionOverwrite(view_channel=False)


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[BotHarness]:
    async with open_gallery(tmp_path) as opened_bot:
        yield opened_bot


async def asked(bot: BotHarness) -> discord.Message:
    """Let Alice ask about the gallery; return the answer."""
    answered = await bot.alice.slash(bot.channel, "privacy gallery")
    assert answered.response is not None
    return answered.response.message


async def test_a_picture_is_shown_once_its_author_agreed(tmp_path: Path):
    async with open_bot(gallery_settings(tmp_path)) as bot:
        gallery = bot.services.gallery
        await bot.imagine("A Red circle on a BLUE background", steps=2, seed=7)
        await bot.wait_until_notified()
        assert await shown(gallery) == []
        text = ephemeral_text(await bot.alice.slash(bot.channel, "privacy gallery"))
        assert "not in my gallery" in text
        assert "Everybody who finds my page" in text
        await bot.alice.click(await asked(bot), label="Show my pictures")
        assert await shown(gallery) == [1]
        assert await shown(gallery, "blue Circle") == [1]
        assert await shown(gallery, "blue square") == []
        (server,) = await gallery.servers()
        assert (server.id, server.name, server.pictures) == (bot.guild.id, bot.guild.name, 1)
        assert await shown(gallery, guild=bot.guild.id) == [1]
        assert await shown(gallery, guild=bot.guild.id + 1) == []


async def test_its_files_and_its_recipe_are_those_of_the_post(bot: BotHarness):
    upload = drawn("red", "circle")
    await bot.imagine("a red circle", steps=2, seed=7, image=("mine.png", upload))
    result = await result_of(bot)
    gallery = bot.services.gallery
    picture = await gallery.picture(1, 1)
    full = await gallery.full(1, 1)
    small = await gallery.thumbnail(1, 1)
    assert picture is not None
    assert full is not None
    assert small is not None
    assert full == (await result.attachments[0].read(), "image/png")
    assert picture.size == opened(full[0]).size
    thumbnail = Image.open(io.BytesIO(small))
    assert thumbnail.format == "WEBP"
    assert max(thumbnail.size) <= 320
    recipe = await gallery.recipe(1, 1)
    assert recipe is not None
    assert recipe.command is not None
    assert recipe.command.startswith("/imagine prompt:a red circle")
    assert "seed:7" in recipe.command
    assert recipe.notices  # the picture that it starts from must be attached
    assert recipe.json is not None
    assert len(recipe.json) < 2000  # it holds no picture


async def test_withdrawing_takes_everything_out(bot: BotHarness):
    await bot.imagine()
    await bot.bob.slash(bot.channel, "imagine", prompt="another", steps=2)
    await until_indexed(bot, 2)
    await bot.alice.click(await asked(bot), label="Withdraw")
    gallery = bot.services.gallery
    assert await shown(gallery) == [2]
    assert await shown(gallery, like=(2, 1)) == []
    assert [await gallery.picture(1, 1), await gallery.full(1, 1)] == [None, None]
    assert [await gallery.thumbnail(1, 1), await gallery.recipe(1, 1)] == [None, None]
    assert await gallery.delete(1, 1) is None
    assert await bot.services.store.lifecycle.pictures(1)
    assert await bot.services.store.gallery_index.count() == 1


async def test_what_not_everybody_can_see_is_not_shown(bot: BotHarness):
    gallery = bot.services.gallery
    visible = dict.fromkeys(
        (bot.guild.me, bot.alice), discord.PermissionOverwrite(view_channel=True)
    )
    overwrites = {bot.guild.default_role: HIDDEN, **visible}
    secret = bot.guild.create_text_channel("secret", overwrites=overwrites)
    adult = bot.guild.create_text_channel("adult")
    channel_of(bot, adult.id).nsfw = True  # simcord knows no such channels
    await bot.alice.slash(secret, "imagine", prompt="one", steps=2)
    await bot.alice.slash(adult, "imagine", prompt="two", steps=2)
    await bot.alice.user.slash("imagine", prompt="three", steps=2)
    await bot.imagine("four")
    await bot.wait_until_notified()
    assert len(painted(bot.alice.user.dm_channel)) == 1
    assert await shown(gallery) == [4]
    assert all([await bot.services.store.lifecycle.pictures(each) for each in (1, 2, 3)])
    assert [await gallery.picture(each, 1) for each in (1, 2, 3)] == [None] * 3
    channel_of(bot, bot.channel.id).nsfw = True
    assert await shown(gallery) == []
    assert await gallery.servers() == []
    assert await gallery.thumbnail(4, 1) is None


async def test_spoilers_are_not_shown(bot: BotHarness):
    await bot.services.store.guild_settings.change(
        bot.guild.id, lambda before: before.changed(spoiler_channels=(bot.channel.id,))
    )
    await bot.imagine()
    await bot.wait_until_notified()
    assert await shown(bot.services.gallery) == []
    await bot.services.store.guild_settings.change(
        bot.guild.id, lambda before: before.changed(spoiler_channels=())
    )
    assert await shown(bot.services.gallery) == []  # it was posted as one
    await bot.imagine()
    await bot.wait_until_notified()
    assert await shown(bot.services.gallery) == [2]


async def test_a_picture_whose_message_was_deleted_is_gone(bot: BotHarness):
    await bot.imagine()
    await bot.imagine("another")
    await bot.wait_until_notified()
    gallery = bot.services.gallery
    assert await shown(gallery) == [2, 1]
    for post in await bot.services.store.jobs.posts(1):
        assert post.channel_id is not None
        await channel_of(bot, post.channel_id).get_partial_message(post.message_id).delete()

    async def is_gone() -> bool:
        return await shown(gallery) == [2]

    await until_true(is_gone)
    assert await gallery.picture(1, 1) is None


async def test_a_picture_is_gone_with_its_thread_and_its_announcement(bot: BotHarness):
    await bot.imagine()
    await bot.wait_until_notified()
    gallery, thread = bot.services.gallery, channel_of(bot, bot.thread().id)
    await channel_of(bot, bot.channel.id).get_partial_message(thread.id).delete()
    await bot.env.settle()
    assert await shown(gallery) == [1]
    await thread.delete()
    await bot.env.settle()
    assert await shown(gallery) == []
    assert await gallery.full(1, 1) is None


async def test_deleting_in_the_gallery_deletes_everywhere(bot: BotHarness):
    await bot.imagine(count=2)
    result = await result_of(bot)
    gallery = bot.services.gallery
    picture = await gallery.picture(1, 2)
    assert picture is not None
    assert picture.pictures_of_job == 2
    removal = await gallery.delete(1, 2)
    assert removal is not None
    assert removal.deleted >= 1
    assert not removal.undeleted
    assert await shown(gallery) == []
    assert not await bot.services.store.lifecycle.pictures(1)
    with pytest.raises(discord.NotFound):
        await result.fetch()


async def test_moderators_and_erasures_take_pictures_out(bot: BotHarness):
    role = bot.guild.create_role("mods", permissions=discord.Permissions(manage_messages=True))
    carol = bot.guild.add_member(bot.env.create_user("carol"), roles=[role])
    await bot.imagine()
    sure = await carol.click(await result_of(bot), label="Delete")
    assert sure.response is not None
    await carol.click(sure.response, label="Delete it")
    await bot.imagine("another")
    await bot.wait_until_notified()
    gallery = bot.services.gallery
    assert await shown(gallery) == [2]
    sure = await bot.alice.slash(bot.channel, "privacy delete")
    assert sure.response is not None
    await bot.alice.click(sure.response, label="Delete everything")
    assert await shown(gallery) == []
    assert await gallery.agreed_to(bot.alice.id) is None
    assert await bot.services.store.gallery_index.count() == 0


async def test_pictures_of_people_who_are_blocked_are_not_shown(bot: BotHarness):
    await bot.imagine()
    await bot.bob.slash(bot.channel, "imagine", prompt="another", steps=2)
    await bot.wait_until_notified()
    await bot.services.store.guild_settings.change(
        bot.guild.id, lambda before: before.changed(blocked_people=(bot.alice.id,))
    )
    assert await shown(bot.services.gallery) == [2]
    assert await bot.services.gallery.picture(1, 1) is None


async def test_who_agreed_to_fewer_people_is_asked_again(bot: BotHarness):
    gallery = bot.services.gallery
    await gallery.agree(bot.alice.id, GalleryAudience.HOST)
    await bot.imagine()
    await bot.wait_until_notified()
    assert await shown(gallery) == []
    answer = await asked(bot)
    assert "ask you again" in answer.content
    await bot.alice.click(answer, label="Show my pictures")
    assert await gallery.agreed_to(bot.alice.id) is EVERYONE
    assert await shown(gallery) == [1]


async def test_a_closed_gallery_shows_nothing_and_consent_can_be_withdrawn(tmp_path: Path):
    async with open_bot(gallery_settings(tmp_path, "off")) as bot:
        gallery = bot.services.gallery
        await gallery.agree(bot.alice.id, EVERYONE)
        await bot.imagine()
        await bot.wait_until_notified()
        assert await shown(gallery) == []
        assert await gallery.picture(1, 1) is None
        assert await gallery.servers() == []
        answer = await asked(bot)
        assert "closed" in answer.content
        await bot.alice.click(answer, label="Withdraw")
        assert await gallery.agreed_to(bot.alice.id) is None


async def test_pictures_that_look_alike_are_found(bot: BotHarness):
    place = {"author_id": bot.alice.id, "guild_id": bot.guild.id, "channel_id": bot.channel.id}
    store, gallery = bot.services.store, bot.services.gallery
    kinds = [("red", "circle"), ("blue", "square")]
    jobs = {
        (kind, shift): (await posted_job(store, drawn(*kind, shift), "words", **place)).id
        for shift in (0, 2, 4)
        for kind in kinds
    }
    await until_indexed(bot, len(jobs))
    for kind in kinds:
        like = jobs[kind, 0], 1
        page = await gallery.search(like=like)
        alike = {jobs[kind, 2], jobs[kind, 4]}
        assert {each.job for each in page.pictures[:2]} == alike
        assert len(page.pictures) == len(jobs) - 1
        cosines = [each.likeness or 0.0 for each in page.pictures]
        assert cosines == sorted(cosines, reverse=True)
        assert cosines[1] > cosines[2]
    await store.lifecycle.delete_pictures(jobs[kinds[0], 2])
    assert jobs[kinds[0], 2] not in await shown(gallery, like=(jobs[kinds[0], 0], 1))
    new = await posted_job(store, drawn("red", "circle", 1), "words", **place)
    await until_indexed(bot, len(jobs))
    assert (await shown(gallery, like=(jobs[kinds[0], 0], 1)))[0] == new.id


async def test_nothing_is_embedded_while_a_picture_is_painted(bot: BotHarness):
    place = {"author_id": bot.alice.id, "guild_id": bot.guild.id, "channel_id": bot.channel.id}
    async with job_in_progress(bot, steps=4):
        await posted_job(bot.services.store, drawn("red", "circle"), "words", **place)
        (picture,) = (await bot.services.gallery.search()).pictures
        assert not picture.is_comparable
        assert await bot.services.store.gallery_index.count() == 0
    await bot.wait_until_notified()
    await until_indexed(bot, 2)
    assert all(each.is_comparable for each in (await bot.services.gallery.search()).pictures)


async def test_what_the_picture_filter_holds_back_is_not_shown(tmp_path: Path):
    bad, good = drawn("red", "circle"), drawn("blue", "square")
    settings = gallery_settings(tmp_path)
    safety = SafetySettings(picture_threshold=0.5)
    settings = settings.model_copy(update={"safety": safety})
    async with open_filtered_bot(settings, SimpleFilter(same_as(bad))) as bot:
        await bot.services.gallery.agree(bot.alice.id, EVERYONE)
        place = {"author_id": bot.alice.id, "guild_id": bot.guild.id, "channel_id": bot.channel.id}
        for content in (bad, good):
            await posted_job(bot.services.store, content, "words", **place)
        await until_indexed(bot, 2)
        assert await shown(bot.services.gallery) == [2]
        assert await bot.services.gallery.full(1, 1) is None


async def test_a_damaged_picture_keeps_no_other_out_of_the_gallery(tmp_path: Path):
    settings = gallery_settings(tmp_path)
    safety = SafetySettings(picture_threshold=0.5)
    settings = settings.model_copy(update={"safety": safety})
    async with open_filtered_bot(settings, SimpleFilter()) as bot:
        await bot.services.gallery.agree(bot.alice.id, EVERYONE)
        place = {"author_id": bot.alice.id, "guild_id": bot.guild.id, "channel_id": bot.channel.id}
        for content in (drawn("blue", "square"), b"no picture"):
            await posted_job(bot.services.store, content, "words", **place)
        await until_indexed(bot, 2)
        assert await shown(bot.services.gallery) == [1]


async def test_a_film_is_judged_and_made_once_for_all_who_look(tmp_path: Path):
    settings = gallery_settings(tmp_path)
    safety = SafetySettings(picture_threshold=0.95)
    settings = settings.model_copy(update={"safety": safety})
    picture_filter = SimpleFilter(lambda _: False)
    async with open_filtered_bot(settings, picture_filter) as bot:
        gallery, store = bot.services.gallery, bot.services.store
        await gallery.agree(bot.alice.id, EVERYONE)
        await bot.alice.slash(bot.channel, "animate", prompt="a circle", seconds=0.5, steps=2)
        await bot.wait_until_notified()
        await until_indexed(bot, 1)
        film, still = await gallery.full(1, 1), await gallery.thumbnail(1, 1)
        assert film is not None
        assert film[1] == "image/webp"
        judged, picture_filter.refuses = picture_filter.judged, lambda _: True
        assert (await gallery.full(1, 1), await gallery.thumbnail(1, 1)) == (film, still)
        assert picture_filter.judged == judged
        await store.guild_settings.change(
            bot.guild.id, lambda before: before.changed(picture_threshold=0.5)
        )
        full = await gallery.full(1, 1)
        assert full is not None
        assert full[1] == "image/png"  # what was allowed when it was posted, without its frames
        assert await gallery.thumbnail(1, 1) != still


async def test_a_film_is_shown_as_one(bot: BotHarness):
    await bot.alice.slash(bot.channel, "animate", prompt="a red circle", seconds=0.5, steps=2)
    await bot.wait_until_notified()
    (picture,) = (await bot.services.gallery.search()).pictures
    assert picture.is_animated
    full = await bot.services.gallery.full(1, 1)
    small = await bot.services.gallery.thumbnail(1, 1)
    assert full is not None
    assert small is not None
    content, kind = full
    assert kind == "image/webp"
    assert getattr(Image.open(io.BytesIO(content)), "n_frames", 1) == 4
    assert getattr(Image.open(io.BytesIO(small)), "n_frames", 1) == 1
