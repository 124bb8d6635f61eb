"""What may be painted: each limit as the people of a server meet it, through every door."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType

import pytest
import simcord
from PIL import Image, ImageDraw

from bot.config import BotSettings, SafetySettings
from bot.guild_settings import GuildSettings
from engine import presets
from tests.harness.bot_harness import (
    FAST,
    BotHarness,
    change_database,
    channel_of,
    encoded,
    ephemeral_text,
    is_accepted,
    make_settings,
    open_bot,
    painted,
    pictures_of,
    result_of,
)
from tests.harness.replies import replied

DISGUISED = ("damn", "DÄMN dog", "d 4 m n", "dаmn", "d\u200ba.m\u2060n", "daaamn", "🇩🇦🇲🇳", "d*mn")
"""Ways to write a blocked word; two letters of the fourth one are Cyrillic or not seen."""
HARMLESS = "a dam, mad men and condamnation"
SCENE = Image.new("RGB", (128, 128), "blue")
ImageDraw.Draw(SCENE).ellipse((40, 40, 88, 88), fill="red")
PICTURE = encoded(SCENE)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the preset few steps, because a reply cannot choose them."""
    demo = {**presets.PRESETS["demo"], "steps": 1}
    monkeypatch.setattr(presets, "PRESETS", MappingProxyType({**presets.PRESETS, "demo": demo}))


@pytest.fixture
def settings(tmp_path: Path) -> BotSettings:
    safety = SafetySettings(blocked_words=("damn",), age_restricted_words=("nude*",))
    return make_settings(tmp_path / "data").model_copy(update={"safety": safety})


@asynccontextmanager
async def bot_with(settings: BotSettings, **limits: object) -> AsyncIterator[BotHarness]:
    changed = settings.limits.model_copy(update=limits)
    async with open_bot(settings.model_copy(update={"limits": changed})) as bot:
        yield bot


async def set_for_server(bot: BotHarness, **values: object) -> None:
    """Store the settings that moderators choose with `/settings`."""

    def change(before: GuildSettings) -> GuildSettings:
        return before.changed(**values)

    await bot.services.store.guild_settings.change(bot.guild.id, change)


async def asked(
    who: simcord.MemberActor,
    channel: simcord.ChannelHandle,
    prompt: str = "a circle",
    **more: object,
) -> str:
    return ephemeral_text(
        await who.slash(channel, "imagine", prompt=prompt, **({"steps": 1} | more))
    )


async def nothing_was_queued(bot: BotHarness) -> bool:
    return await bot.services.store.jobs.count_open() == 0 and not bot.channel.history()


# --- words


async def test_a_blocked_word_is_refused_in_every_disguise(bot: BotHarness):
    for prompt in DISGUISED:
        refusal = await asked(bot.alice, bot.channel, prompt)
        assert "blocked here" in refusal
        assert "||\u2068damn\u2069||" in refusal
        assert await nothing_was_queued(bot)


async def test_other_words_are_painted(bot: BotHarness):
    assert is_accepted(await asked(bot.alice, bot.channel, HARMLESS))
    await bot.wait_until_notified()


WEIGHTED: Sequence[dict[str, str]] = (
    {"prompt": "a dog | d4mn:0.5"},
    {"prompt": "a dog | damn:-1"},
    {"prompt": r"d\:a\:m\:n"},
    {"style": "d a m n"},
    {"style": "oil painting, d.a.m.n"},
    {"prompt": "a dog by da", "style": "mn"},
    {"prompt": "a dog | da | mn"},
    {"prompt": "a \u202enmad\u202c dog"},
)


async def test_weighted_prompts_and_styles_are_read_too(bot: BotHarness):
    for options in WEIGHTED:
        assert "blocked here" in await asked(bot.alice, bot.channel, **options)
        assert await nothing_was_queued(bot)


async def test_edits_are_read_too(bot: BotHarness):
    image = ("a.png", PICTURE)
    refused = await bot.alice.slash(bot.channel, "edit", image=image, prompt="a d4mn dog")
    assert "blocked here" in ephemeral_text(refused)
    posted = await bot.bob.send(bot.channel, "look", attachments=[image])
    form = await bot.alice.context_menu(bot.channel, "Edit this image", posted)
    refused = await bot.alice.submit_modal(form, {"prompt": "d a m n", "keep": ["50"]})
    assert "blocked here" in ephemeral_text(refused)
    assert await bot.services.store.jobs.count_open() == 0


async def test_masks_are_read_too(bot: BotHarness):
    image = ("a.png", PICTURE)
    options = {"image": image, "what": "red circle"}
    refused = await bot.alice.slash(bot.channel, "mask", **options, replace_with="d4mn")
    assert "blocked here" in ephemeral_text(refused)
    answered = await bot.alice.slash(bot.channel, "mask", **options)
    assert answered.response is not None
    form = await bot.alice.click(answered.response, label="Paint it")
    refused = await bot.alice.submit_modal(form, {"replace_with": "d 4 m n"})
    assert any("blocked here" in each.content for each in refused.followups)
    allowed = await bot.alice.slash(bot.channel, "mask", **options, replace_with="a ring")
    assert allowed.response is not None
    await set_for_server(bot, blocked_words=("ring",))
    refused = await bot.alice.click(allowed.response, label="Paint it")
    assert any("blocked here" in each.content for each in refused.followups)
    assert await nothing_was_queued(bot)


async def test_replies_are_read_too_and_so_are_pictures_to_go_on_from(bot: BotHarness):
    await asked(bot.alice, bot.channel, "a dog", style="crayon")
    result = await result_of(bot)
    assert "blocked here" in await replied(bot, "d4mn", result)
    picture = ("painted-over.png", await pictures_of(result)[0].read())
    await set_for_server(bot, blocked_words=("crayon",))
    await bot.env.advance_time(FAST.refusal_seconds + 1)
    refusal = await replied(bot, "", result, picture)
    assert "blocked here" in refusal
    assert "||" in refusal  # everybody sees it for a moment
    await set_for_server(bot, blocked_words=())
    assert not await replied(bot, "", result, picture)
    await bot.wait_until_notified()
    mine = [each for each in painted(bot.thread()) if each.author == bot.client.user]
    assert len(mine) == 2


async def test_words_of_a_server_are_blocked_there_only(bot: BotHarness):
    await set_for_server(bot, blocked_words=("forest",))
    assert "blocked here" in await asked(bot.alice, bot.channel, "a F0RREST")
    direct = await bot.alice.user.slash("imagine", prompt="a forest", steps=1)
    assert is_accepted(ephemeral_text(direct))
    await bot.wait_until_notified()


async def test_some_words_are_for_age_restricted_channels_only(bot: BotHarness):
    refusal = await asked(bot.alice, bot.channel, "a n u d e statue")
    assert "only in age-restricted channels" in refusal
    direct = ephemeral_text(await bot.alice.user.slash("imagine", prompt="nudes", steps=1))
    assert "age-restricted" in direct
    assert "direct messages" not in refusal
    channel_of(bot, bot.channel.id).nsfw = True  # simcord knows no such channels
    assert is_accepted(await asked(bot.alice, bot.channel, "a n u d e statue"))
    await bot.wait_until_notified()
    assert is_accepted(await asked(bot.alice, bot.thread(), "nudes"))
    await set_for_server(bot, age_restricted_words=("statue",))
    channel_of(bot, bot.channel.id).nsfw = False
    assert "age-restricted" in await asked(bot.alice, bot.thread(), "a statue")
    await bot.wait_until_notified()


# --- where and who


async def test_pictures_are_painted_in_allowed_channels_and_their_threads(bot: BotHarness):
    await asked(bot.alice, bot.channel)
    await bot.wait_until_notified()
    thread = bot.thread()
    other = bot.guild.create_text_channel("gallery")
    await set_for_server(bot, channels=(other.id,))
    for place in (bot.channel, thread):
        refusal = await asked(bot.alice, place)
        assert f"only in {other.mention}" in refusal
    assert is_accepted(await asked(bot.alice, other))
    await set_for_server(bot, channels=(bot.channel.id, other.id))
    assert is_accepted(await asked(bot.alice, thread))
    direct = await bot.alice.user.slash("imagine", prompt="a circle", steps=1)
    assert is_accepted(ephemeral_text(direct))
    await bot.wait_until_notified()


async def test_pictures_are_painted_for_allowed_roles(bot: BotHarness):
    role = bot.guild.create_role("painters")
    paula = bot.guild.add_member(bot.env.create_user("paula"), roles=[role])
    await set_for_server(bot, roles=(role.id,))
    refusal = await asked(bot.alice, bot.channel)
    assert role.mention in refusal
    assert "Ask a moderator" in refusal
    assert is_accepted(await asked(paula, bot.channel))
    result = await result_of(bot)
    assert role.mention in await replied(bot, "a green ring", result)
    everybody = bot.guild.default_role
    await set_for_server(bot, roles=(role.id, everybody.id))
    assert is_accepted(await asked(bot.alice, bot.channel))
    await bot.wait_until_notified()


@pytest.mark.slow
@pytest.mark.parametrize("allowed", [True, False])
async def test_a_server_can_let_people_edit_only_their_own_pictures(bot: BotHarness, allowed: bool):
    await bot.bob.slash(bot.channel, "imagine", prompt="a circle", steps=1)
    result = await result_of(bot)
    await set_for_server(bot, edit_others=None if allowed else False)
    refusal = await replied(bot, "a green ring", result)
    assert ("only the person who asked" in refusal) is not allowed
    menu = await bot.alice.context_menu(bot.thread(), "Edit this image", result)
    assert (menu.modal is not None) is allowed
    assert (await bot.bob.context_menu(bot.thread(), "Edit this image", result)).modal
    await bot.wait_until_notified()


# --- how much


async def test_a_size_is_limited(bot: BotHarness):
    await set_for_server(bot, pixels=64 * 64)
    refusal = await asked(bot.alice, bot.channel, size="wide")
    assert "at most 4096 pixels" in refusal
    assert "64×64" in refusal
    assert is_accepted(await asked(bot.alice, bot.channel, size="square"))
    await bot.wait_until_notified()


async def test_pictures_of_a_day_are_counted_and_the_refusal_says_when_it_ends(
    settings: BotSettings,
):
    async with bot_with(settings, pictures_per_day=3) as bot:
        assert is_accepted(await asked(bot.alice, bot.channel, count=2))
        refusal = await asked(bot.alice, bot.channel, count=2)
        assert "2 pictures in the last 24 hours" in refusal
        assert "1 is left" in refusal
        ends = datetime.fromtimestamp(int(re.findall(r"<t:(\d+):R>", refusal)[0]), UTC)
        expected = datetime.now(UTC) + timedelta(days=1)
        # Times are shown in whole seconds.
        assert timedelta(seconds=-1) <= expected - ends < timedelta(minutes=5)
        assert "At most 3 pictures a day" in await asked(bot.alice, bot.channel, count=4)
        assert is_accepted(await asked(bot.alice, bot.channel))
        assert "none is left" in await asked(bot.alice, bot.channel)
        assert "none is left" in ephemeral_text(
            await bot.alice.user.slash("imagine", prompt="a circle", steps=1)
        )
        assert is_accepted(await asked(bot.bob, bot.channel))
        await bot.wait_until_notified()
        await made_earlier(settings, hours=24.1, first=1)
        assert is_accepted(await asked(bot.alice, bot.channel, count=2))
        assert "none is left" in await asked(bot.alice, bot.channel)
        await bot.wait_until_notified()


async def test_jobs_that_ended_before_they_began_do_not_count(settings: BotSettings):
    async with bot_with(settings, pictures_per_day=1) as bot:
        for state, began in (("failed", "NULL"), ("failed", "1"), ("cancelled", "NULL")):
            assert is_accepted(await asked(bot.alice, bot.channel))
            await bot.wait_until_notified()
            await ended_as(settings, state, began)
        assert is_accepted(await asked(bot.alice, bot.channel))
        await bot.wait_until_notified()
        await ended_as(settings, "cancelled", "accepted_at")
        assert "none is left" in await asked(bot.alice, bot.channel)


async def test_pictures_dated_in_the_future_block_no_one(
    settings: BotSettings,
):
    async with bot_with(settings, pictures_per_day=1) as bot:
        assert is_accepted(await asked(bot.alice, bot.channel))
        await bot.wait_until_notified()
        await made_earlier(settings, hours=-100_000, first=1)
        assert is_accepted(await asked(bot.alice, bot.channel))
        await bot.wait_until_notified()


async def test_a_server_counts_the_pictures_that_were_asked_for_in_it(bot: BotHarness):
    await set_for_server(bot, pictures_per_day=1)
    direct = bot.alice.user
    assert is_accepted(ephemeral_text(await direct.slash("imagine", prompt="a circle", steps=1)))
    assert is_accepted(await asked(bot.alice, bot.channel))
    refusal = await asked(bot.alice, bot.channel)
    assert "in this server" in refusal
    assert "none is left" in refusal
    assert is_accepted(ephemeral_text(await direct.slash("imagine", prompt="a circle", steps=1)))
    await bot.wait_until_notified()


async def test_jobs_of_a_person_are_limited_everywhere_and_in_a_server(settings: BotSettings):
    async with bot_with(settings, jobs_per_person=2) as bot:
        await set_for_server(bot, jobs_per_person=1)
        assert is_accepted(await asked(bot.alice, bot.channel, steps=500))
        refusal = await asked(bot.alice, bot.channel)
        assert "1 job waiting or running in this server" in refusal
        assert "Wait until one is done" in refusal
        direct = bot.alice.user
        taken = await direct.slash("imagine", prompt="a circle", steps=500)
        assert is_accepted(ephemeral_text(taken))
        refusal = ephemeral_text(await direct.slash("imagine", prompt="a circle", steps=1))
        assert "2 jobs waiting or running, which" in refusal
        assert is_accepted(await asked(bot.bob, bot.channel))


async def test_jobs_of_a_server_are_limited(settings: BotSettings):
    async with bot_with(settings, jobs_per_server=2) as bot:
        await set_for_server(bot, jobs_per_server=1)
        assert is_accepted(await asked(bot.alice, bot.channel, steps=500))
        refusal = await asked(bot.bob, bot.channel)
        assert "1 jobs" not in refusal
        assert "in this server" in refusal
        direct = await bot.bob.user.slash("imagine", prompt="a circle", steps=500)
        assert is_accepted(ephemeral_text(direct))
        await set_for_server(bot, jobs_per_server=None)
        assert is_accepted(await asked(bot.bob, bot.channel))
        assert "2 jobs are waiting" in await asked(bot.alice, bot.channel)


async def test_help_shows_limits_of_the_server(bot: BotHarness):
    await set_for_server(bot, steps=77, pictures_per_day=5)
    here = all_told(await bot.alice.slash(bot.channel, "help"))
    assert "77 steps" in here
    assert "5 pictures a day" in here
    assert "77 steps" not in all_told(await bot.alice.user.slash("help"))


def all_told(answered: simcord.InteractionResult) -> str:
    """Return an answer that has several messages."""
    return ephemeral_text(answered) + "".join(each.content for each in answered.followups)


async def made_earlier(settings: BotSettings, hours: float, first: int) -> None:
    """Let jobs, up to a number, have been asked for some hours earlier."""
    when = (datetime.now(UTC) - timedelta(hours=hours)).replace(tzinfo=None).isoformat(" ")
    change = "UPDATE jobs SET accepted_at = ? WHERE id <= ?"
    await change_database(settings.storage.folder, change, when, first)


async def ended_as(settings: BotSettings, state: str, began: str) -> None:
    """End the newest job in a state; `began` is SQL."""
    began = "accepted_at" if began == "1" else began
    newest = "WHERE id = (SELECT max(id) FROM jobs)"
    change = f"UPDATE jobs SET state = ?, began_at = {began} {newest}"
    await change_database(settings.storage.folder, change, state)


async def test_job_that_exceeds_memory_is_refused(
    settings: BotSettings, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("engine.models.memory.available_memory", lambda _: 184_000_000)
    async with open_bot(settings) as bot:
        refusal = ephemeral_text(await bot.imagine())
        assert re.search(r"64x64 .* 0\.2 GB .* 0\.2 GB are free: at most \d+x\d+ fits", refusal)
        assert not bot.channel.history()
        assert not bot.services.queue.jobs()
