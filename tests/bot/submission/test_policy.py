"""What may be painted: each limit as the people of a server meet it, through every door."""

import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType

import discord
import pytest
import simcord
from PIL import Image, ImageDraw
from simcord.backend.models.message import AllowedMentions

from bot.config import BotSettings, SafetySettings
from bot.guild_settings import GuildSettings
from bot.storage.connection import DATABASE
from engine import presets
from tests.harness.bot_harness import (
    Studio,
    channel_of,
    encoded,
    make_settings,
    open_studio,
    painted,
    pictures_of,
    result_of,
    told,
)

DISGUISED = ("damn", "DÄMN dog", "d 4 m n", "dаmn", "d\u200ba.m\u2060n", "daaamn", "🇩🇦🇲🇳", "d*mn")
"""Ways to write a blocked word; two letters of the fourth one are Cyrillic or not seen."""
HARMLESS = "a dam, mad men and condamnation"
SCENE = Image.new("RGB", (128, 128), "blue")
ImageDraw.Draw(SCENE).ellipse((40, 40, 88, 88), fill="red")
PICTURE = encoded(SCENE)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replies cannot say how many steps, so the preset has few."""
    demo = {**presets.PRESETS["demo"], "steps": 1}
    monkeypatch.setattr(presets, "PRESETS", MappingProxyType({**presets.PRESETS, "demo": demo}))


@pytest.fixture
def settings(tmp_path: Path) -> BotSettings:
    safety = SafetySettings(blocked_words=("damn",), age_restricted_words=("nude*",))
    return make_settings(tmp_path / "data").model_copy(update={"safety": safety})


@asynccontextmanager
async def studio_with(settings: BotSettings, **limits: object) -> AsyncIterator[Studio]:
    changed = settings.limits.model_copy(update=limits)
    async with open_studio(settings.model_copy(update={"limits": changed})) as studio:
        yield studio


async def set_for_server(studio: Studio, **values: object) -> None:
    """What moderators do with `/settings`."""

    def change(before: GuildSettings) -> GuildSettings:
        return before.changed(**values)

    await studio.services.store.guild_settings.change(studio.guild.id, change)


async def asked(
    who: simcord.MemberActor,
    channel: simcord.ChannelHandle,
    prompt: str = "a circle",
    **more: object,
) -> str:
    return told(await who.slash(channel, "imagine", prompt=prompt, **({"steps": 1} | more)))


async def replied(
    studio: Studio, words: str, to: discord.Message, *files: tuple[str, bytes]
) -> str:
    """Alice replies; the newest reply of the bot's."""
    backend = studio.env.backend
    backend.create_message(
        to.channel.id,
        studio.alice.id,
        words,
        reference={"channel_id": str(to.channel.id), "message_id": str(to.id)},
        attachments=backend.store_attachments(to.channel.id, files),
        allowed_mentions=AllowedMentions(replied_user=True),
    )
    await studio.env.settle()
    channel = next(c for c in (*studio.channel.threads, studio.channel) if c.id == to.channel.id)
    last = channel.last_message
    return last.content if last and last.type is discord.MessageType.reply else ""


async def nothing_was_queued(studio: Studio) -> bool:
    return await studio.services.store.jobs.count_open() == 0 and not studio.channel.history()


# --- words


@pytest.mark.parametrize("prompt", DISGUISED)
async def test_a_blocked_word_is_refused_in_every_disguise(studio: Studio, prompt: str):
    refusal = await asked(studio.alice, studio.channel, prompt)
    assert "blocked here" in refusal
    assert "||\u2068damn\u2069||" in refusal
    assert await nothing_was_queued(studio)


async def test_other_words_are_painted(studio: Studio):
    assert "Queued" in await asked(studio.alice, studio.channel, HARMLESS)
    await studio.all_told()


@pytest.mark.parametrize(
    "options",
    [
        {"prompt": "a dog | d4mn:0.5"},
        {"prompt": "a dog | damn:-1"},
        {"prompt": r"d\:a\:m\:n"},
        {"style": "d a m n"},
        {"style": "oil painting, d.a.m.n"},
    ],
)
async def test_weighted_prompts_and_styles_are_read_too(studio: Studio, options: dict[str, str]):
    assert "blocked here" in await asked(studio.alice, studio.channel, **options)
    assert await nothing_was_queued(studio)


async def test_edits_are_read_too(studio: Studio):
    image = ("a.png", PICTURE)
    refused = await studio.alice.slash(studio.channel, "edit", image=image, prompt="a d4mn dog")
    assert "blocked here" in told(refused)
    posted = await studio.bob.send(studio.channel, "look", attachments=[image])
    form = await studio.alice.context_menu(studio.channel, "Edit this image", posted)
    refused = await studio.alice.submit_modal(form, {"prompt": "d a m n", "keep": ["50"]})
    assert "blocked here" in told(refused)
    assert await studio.services.store.jobs.count_open() == 0


async def test_masks_are_read_too(studio: Studio):
    image = ("a.png", PICTURE)
    options = {"image": image, "what": "red circle"}
    refused = await studio.alice.slash(studio.channel, "mask", **options, replace_with="d4mn")
    assert "blocked here" in told(refused)
    answered = await studio.alice.slash(studio.channel, "mask", **options)
    assert answered.response is not None
    form = await studio.alice.click(answered.response, label="Paint it")
    refused = await studio.alice.submit_modal(form, {"replace_with": "d 4 m n"})
    assert any("blocked here" in each.content for each in refused.followups)
    allowed = await studio.alice.slash(studio.channel, "mask", **options, replace_with="a ring")
    assert allowed.response is not None
    await set_for_server(studio, blocked_words=("ring",))
    refused = await studio.alice.click(allowed.response, label="Paint it")
    assert any("blocked here" in each.content for each in refused.followups)
    assert await nothing_was_queued(studio)


async def test_replies_are_read_too_and_so_are_pictures_to_go_on_from(studio: Studio):
    await asked(studio.alice, studio.channel, "a dog", style="crayon")
    result = await result_of(studio)
    assert "blocked here" in await replied(studio, "d4mn", result)
    picture = ("painted-over.png", await pictures_of(result)[0].read())
    await set_for_server(studio, blocked_words=("crayon",))
    refusal = await replied(studio, "", result, picture)
    assert "blocked here" in refusal
    assert "||" in refusal  # everybody sees it for a moment
    await set_for_server(studio, blocked_words=())
    assert not await replied(studio, "", result, picture)
    await studio.all_told()
    mine = [each for each in painted(studio.thread()) if each.author == studio.bot.user]
    assert len(mine) == 2


async def test_words_of_a_server_are_blocked_there_only(studio: Studio):
    await set_for_server(studio, blocked_words=("forest",))
    assert "blocked here" in await asked(studio.alice, studio.channel, "a F0RREST")
    direct = await studio.alice.user.slash("imagine", prompt="a forest", steps=1)
    assert "Queued" in told(direct)
    await studio.all_told()


async def test_some_words_are_for_age_restricted_channels_only(studio: Studio):
    refusal = await asked(studio.alice, studio.channel, "a n u d e statue")
    assert "only in age-restricted channels" in refusal
    direct = told(await studio.alice.user.slash("imagine", prompt="nudes", steps=1))
    assert "age-restricted" in direct
    assert "direct messages" not in refusal
    channel_of(studio, studio.channel.id).nsfw = True  # simcord knows no such channels
    assert "Queued" in await asked(studio.alice, studio.channel, "a n u d e statue")
    await studio.all_told()
    assert "Queued" in await asked(studio.alice, studio.thread(), "nudes")
    await set_for_server(studio, age_restricted_words=("statue",))
    channel_of(studio, studio.channel.id).nsfw = False
    assert "age-restricted" in await asked(studio.alice, studio.thread(), "a statue")
    await studio.all_told()


# --- where and who


async def test_pictures_are_painted_in_allowed_channels_and_their_threads(studio: Studio):
    await asked(studio.alice, studio.channel)
    await studio.all_told()
    thread = studio.thread()
    other = studio.guild.create_text_channel("gallery")
    await set_for_server(studio, channels=(other.id,))
    for place in (studio.channel, thread):
        refusal = await asked(studio.alice, place)
        assert f"only in {other.mention}" in refusal
    assert "Queued" in await asked(studio.alice, other)
    await set_for_server(studio, channels=(studio.channel.id, other.id))
    assert "Queued" in await asked(studio.alice, thread)
    assert "Queued" in told(await studio.alice.user.slash("imagine", prompt="a circle", steps=1))
    await studio.all_told()


async def test_pictures_are_painted_for_allowed_roles(studio: Studio):
    role = studio.guild.create_role("painters")
    paula = studio.guild.add_member(studio.env.create_user("paula"), roles=[role])
    await set_for_server(studio, roles=(role.id,))
    refusal = await asked(studio.alice, studio.channel)
    assert role.mention in refusal
    assert "Ask a moderator" in refusal
    assert "Queued" in await asked(paula, studio.channel)
    result = await result_of(studio)
    assert role.mention in await replied(studio, "a green ring", result)
    everybody = studio.guild.default_role
    await set_for_server(studio, roles=(role.id, everybody.id))
    assert "Queued" in await asked(studio.alice, studio.channel)
    await studio.all_told()


@pytest.mark.parametrize("allowed", [True, False])
async def test_a_server_can_let_people_edit_only_their_own_pictures(studio: Studio, allowed: bool):
    await studio.bob.slash(studio.channel, "imagine", prompt="a circle", steps=1)
    result = await result_of(studio)
    await set_for_server(studio, edit_others=None if allowed else False)
    refusal = await replied(studio, "a green ring", result)
    assert ("only the person who asked" in refusal) is not allowed
    menu = await studio.alice.context_menu(studio.thread(), "Edit this image", result)
    assert (menu.modal is not None) is allowed
    assert (await studio.bob.context_menu(studio.thread(), "Edit this image", result)).modal
    await studio.all_told()


# --- how much


async def test_a_size_is_limited(studio: Studio):
    await set_for_server(studio, pixels=64 * 64)
    refusal = await asked(studio.alice, studio.channel, size="wide")
    assert "at most 4096 pixels" in refusal
    assert "64×64" in refusal
    assert "Queued" in await asked(studio.alice, studio.channel, size="square")
    await studio.all_told()


async def test_pictures_of_a_day_are_counted_and_the_refusal_says_when_it_ends(
    settings: BotSettings,
):
    async with studio_with(settings, pictures_per_day=3) as studio:
        assert "Queued" in await asked(studio.alice, studio.channel, count=2)
        refusal = await asked(studio.alice, studio.channel, count=2)
        assert "2 pictures in the last 24 hours" in refusal
        assert "1 is left" in refusal
        ends = datetime.fromtimestamp(int(re.findall(r"<t:(\d+):R>", refusal)[0]), UTC)
        expected = datetime.now(UTC) + timedelta(days=1)
        assert timedelta(0) <= expected - ends < timedelta(minutes=5)
        assert "At most 3 pictures a day" in await asked(studio.alice, studio.channel, count=4)
        assert "Queued" in await asked(studio.alice, studio.channel)
        assert "none is left" in await asked(studio.alice, studio.channel)
        assert "none is left" in told(
            await studio.alice.user.slash("imagine", prompt="a circle", steps=1)
        )
        assert "Queued" in await asked(studio.bob, studio.channel)
        await studio.all_told()
        made_earlier(settings, hours=24.1, first=1)
        assert "Queued" in await asked(studio.alice, studio.channel, count=2)
        assert "none is left" in await asked(studio.alice, studio.channel)
        await studio.all_told()


async def test_what_failed_or_was_cancelled_before_it_began_does_not_count(settings: BotSettings):
    async with studio_with(settings, pictures_per_day=1) as studio:
        for state, began in (("failed", "NULL"), ("failed", "1"), ("cancelled", "NULL")):
            assert "Queued" in await asked(studio.alice, studio.channel)
            await studio.all_told()
            ended_as(settings, state, began)
        assert "Queued" in await asked(studio.alice, studio.channel)
        await studio.all_told()
        ended_as(settings, "cancelled", "accepted_at")
        assert "none is left" in await asked(studio.alice, studio.channel)


async def test_pictures_that_a_wrong_clock_dates_into_the_future_block_nobody(
    settings: BotSettings,
):
    async with studio_with(settings, pictures_per_day=1) as studio:
        assert "Queued" in await asked(studio.alice, studio.channel)
        await studio.all_told()
        made_earlier(settings, hours=-100_000, first=1)
        assert "Queued" in await asked(studio.alice, studio.channel)
        await studio.all_told()


async def test_a_server_counts_the_pictures_that_were_asked_for_in_it(studio: Studio):
    await set_for_server(studio, pictures_per_day=1)
    direct = studio.alice.user
    assert "Queued" in told(await direct.slash("imagine", prompt="a circle", steps=1))
    assert "Queued" in await asked(studio.alice, studio.channel)
    refusal = await asked(studio.alice, studio.channel)
    assert "in this server" in refusal
    assert "none is left" in refusal
    assert "Queued" in told(await direct.slash("imagine", prompt="a circle", steps=1))
    await studio.all_told()


async def test_jobs_of_a_person_are_limited_everywhere_and_in_a_server(settings: BotSettings):
    async with studio_with(settings, jobs_per_person=2) as studio:
        await set_for_server(studio, jobs_per_person=1)
        assert "Queued" in await asked(studio.alice, studio.channel, steps=500)
        refusal = await asked(studio.alice, studio.channel)
        assert "1 job waiting or running in this server" in refusal
        assert "Wait until one is done" in refusal
        direct = studio.alice.user
        assert "Queued" in told(await direct.slash("imagine", prompt="a circle", steps=500))
        refusal = told(await direct.slash("imagine", prompt="a circle", steps=1))
        assert "2 jobs waiting or running, which" in refusal
        assert "Queued" in await asked(studio.bob, studio.channel)


async def test_jobs_of_a_server_are_limited(settings: BotSettings):
    async with studio_with(settings, jobs_per_server=2) as studio:
        await set_for_server(studio, jobs_per_server=1)
        assert "Queued" in await asked(studio.alice, studio.channel, steps=500)
        refusal = await asked(studio.bob, studio.channel)
        assert "1 jobs" not in refusal
        assert "in this server" in refusal
        direct = await studio.bob.user.slash("imagine", prompt="a circle", steps=500)
        assert "Queued" in told(direct)
        await set_for_server(studio, jobs_per_server=None)
        assert "Queued" in await asked(studio.bob, studio.channel)
        assert "2 jobs are waiting" in await asked(studio.alice, studio.channel)


async def test_help_says_what_is_allowed_where_one_asks(studio: Studio):
    await set_for_server(studio, steps=77, pictures_per_day=5)
    here = told(await studio.alice.slash(studio.channel, "help"))
    assert "77 steps" in here
    assert "5 pictures a day" in here
    assert "77 steps" not in told(await studio.alice.user.slash("help"))


def made_earlier(settings: BotSettings, hours: float, first: int) -> None:
    """Let jobs, up to a number, have been asked for some hours earlier."""
    with closing(sqlite3.connect(settings.storage.folder / DATABASE)) as database, database:
        when = (datetime.now(UTC) - timedelta(hours=hours)).replace(tzinfo=None).isoformat(" ")
        database.execute("UPDATE jobs SET accepted_at = ? WHERE id <= ?", (when, first))


def ended_as(settings: BotSettings, state: str, began: str) -> None:
    """Let the newest job have ended in some state; `began` is SQL."""
    began = "accepted_at" if began == "1" else began
    with closing(sqlite3.connect(settings.storage.folder / DATABASE)) as database, database:
        newest = "WHERE id = (SELECT max(id) FROM jobs)"
        database.execute(f"UPDATE jobs SET state = ?, began_at = {began} {newest}", (state,))


async def test_what_does_not_fit_into_the_memory_is_refused_before_it_is_queued(
    settings: BotSettings, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("engine.vqgan_clip.memory_estimate.available_memory", lambda _: 150_000_000)
    async with open_studio(settings) as studio:
        refusal = told(await studio.imagine())
        assert re.search(r"64x64 .* 0\.2 GB .* 0\.1 GB are free: at most \d+x\d+ fits", refusal)
        assert not studio.channel.history()
        assert not studio.services.queue.jobs()
