"""`/settings`: moderators tighten what is allowed in their server, and nobody else does."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import discord
import pytest
import simcord

from bot.client import PaintingBot
from bot.config import BotSettings
from bot.guild_settings import MAX_LISTED, MAX_WORDS
from tests.cogs.settings.moderators import moderator, told_by
from tests.harness.bot_harness import (
    BotHarness,
    change_database,
    connected,
    ephemeral_text,
    is_accepted,
    make_settings,
    open_bot,
    open_test_services,
    raise_unexplained,
)
from tests.harness.picture_filters import SimpleFilter, open_filtered_bot

COMMANDS = (
    "settings show",
    "settings limits",
    "settings edit-others",
    "settings channels add",
    "settings roles clear",
    "settings words list",
    "settings people block",
    "settings commands add",
    "settings spoilers add",
    "settings picture-filter",
    "settings reset",
)


@pytest.fixture
def settings(tmp_path: Path) -> BotSettings:
    made = make_settings(tmp_path / "data")
    limits = made.limits.model_copy(update={"steps": 100, "jobs_per_server": 20})
    return made.model_copy(update={"limits": limits})


@pytest.fixture
async def bot(settings: BotSettings) -> AsyncIterator[BotHarness]:
    async with open_bot(settings) as opened:
        yield opened


async def test_members_cannot_change_settings(bot: BotHarness):
    mona = moderator(bot)
    for command in COMMANDS:
        with pytest.raises(simcord.SetupError, match="not visible"):
            await bot.alice.slash(bot.channel, command)
        assert command not in bot.alice.available_commands(bot.channel)
        assert command in mona.available_commands(bot.channel)


async def test_servers_only_have_settings(bot: BotHarness):
    with pytest.raises(simcord.SetupError, match="not visible"):
        await bot.alice.user.slash("settings show")


async def test_settings_are_shown_only_to_moderator(bot: BotHarness):
    text = await told_by(moderator(bot), bot.channel, "show")
    for part in (
        "Steps per picture: 100",
        "every channel",
        "Who I paint for: everyone",
        "0 blocked",
    ):
        assert part in text
    assert not bot.channel.history()


async def test_limits_are_tightened_and_left_to_the_host_again(bot: BotHarness):
    mona = moderator(bot)
    text = await told_by(mona, bot.channel, "limits", steps=50, pictures_per_day=3)
    assert "Steps per picture: 100 → 50 of 100" in text
    assert "day: 200 → 3 of 200" in text
    assert "Variations" not in text
    assert "At most 50 steps" in ephemeral_text(await bot.imagine(steps=51))
    assert is_accepted(ephemeral_text(await bot.imagine(steps=1)))
    text = await told_by(mona, bot.channel, "limits", steps=0)
    assert text == "Steps per picture: 50 of 100 → 100"
    assert "Nothing changed" in await told_by(mona, bot.channel, "limits", steps=0)
    assert "day: 3 of 200" in await told_by(mona, bot.channel, "show")
    await bot.wait_until_notified()


NOT_TIGHTER: Sequence[tuple[dict[str, int], tuple[str, ...]]] = (
    ({"steps": 101}, ("Steps", "at most 100", "only tighten")),
    ({"jobs_per_server": 21}, ("at most 20", "only tighten")),
    ({"pictures_per_day": 201, "steps": 1}, ("at most 200", "only tighten")),
    ({"pixels": 5}, ("lowest limit is 256",)),
    ({}, ("Choose which limit",)),
)


async def test_a_server_can_only_tighten_limits(bot: BotHarness):
    mona = moderator(bot)
    for options, parts in NOT_TIGHTER:
        refusal = await told_by(mona, bot.channel, "limits", **options)
        assert all(part in refusal for part in parts)
        assert "Steps per picture: 100\n" in await told_by(mona, bot.channel, "show")


async def test_a_host_that_lets_nobody_edit_others_pictures_has_the_last_word(tmp_path: Path):
    made = make_settings(tmp_path)
    limits = made.limits.model_copy(update={"edit_others": False})
    async with open_bot(made.model_copy(update={"limits": limits})) as bot:
        mona = moderator(bot)
        refusal = await told_by(mona, bot.channel, "edit-others", allowed=True)
        assert "only tighten" in refusal
        assert "only the person who asked" in await told_by(mona, bot.channel, "show")


async def test_lists_of_channels_and_roles_are_kept(bot: BotHarness):
    mona, other = moderator(bot), bot.guild.create_text_channel("other")
    role = bot.guild.create_role("painters")
    await told_by(mona, bot.channel, "channels add", channel=bot.channel)
    await told_by(mona, bot.channel, "channels add", channel=other)
    text = await told_by(mona, bot.channel, "channels add", channel=other)
    assert "Nothing changed" in text
    text = await told_by(mona, bot.channel, "channels remove", channel=other)
    both = f"{bot.channel.mention} or {other.mention}"
    assert text == f"Where I paint: {both} → {bot.channel.mention}"
    assert "not on the list" in await told_by(mona, bot.channel, "channels remove", channel=other)
    assert role.mention in await told_by(mona, bot.channel, "roles add", role=role)
    assert "→ everyone" in await told_by(mona, bot.channel, "roles remove", role=role)
    assert "→ every channel" in await told_by(mona, bot.channel, "channels clear")


async def test_the_server_chooses_which_replies_are_requests(bot: BotHarness):
    mona = moderator(bot)
    assert "edit a picture: in a picture's own thread" in await told_by(mona, bot.channel, "show")
    text = await told_by(mona, bot.channel, "replies", words="never")
    assert "mention me → never" in text
    server = await bot.services.store.guild_settings.get(bot.guild.id)
    assert server.replies == "never"


async def test_what_was_deleted_is_said_and_cleaned_up(bot: BotHarness):
    mona, other = moderator(bot), bot.guild.create_text_channel("other")
    role, kept = bot.guild.create_role("old"), bot.guild.create_role("kept")
    for channel in (bot.channel, other):
        await told_by(mona, bot.channel, "channels add", channel=channel)
    for each in (role, kept):
        await told_by(mona, bot.channel, "roles add", role=each)
    bot.env.backend.delete_channel(other.id)
    bot.env.backend.delete_role(bot.guild.id, role.id)
    await bot.env.settle()
    text = await told_by(mona, bot.channel, "show")
    assert other.mention not in text
    assert role.mention not in text
    assert "1 deleted channel" in text
    assert "1 deleted role" in text
    assert f"→ {bot.channel.mention}" in await told_by(mona, bot.channel, "cleanup")
    assert "deleted" not in await told_by(mona, bot.channel, "show")
    server = await bot.services.store.guild_settings.get(bot.guild.id)
    assert (server.channels, server.roles) == ((bot.channel.id,), (kept.id,))


async def test_a_list_of_deleted_channels_opens_no_others(bot: BotHarness):
    mona, other = moderator(bot), bot.guild.create_text_channel("other")
    await told_by(mona, bot.channel, "channels add", channel=other)
    bot.env.backend.delete_channel(other.id)
    await bot.env.settle()
    assert "Nothing changed" in await told_by(mona, bot.channel, "cleanup")
    assert "nowhere, because all channels" in await told_by(mona, bot.channel, "show")
    assert "were deleted. Ask a moderator" in ephemeral_text(await bot.imagine(steps=1))


async def test_a_list_of_channels_has_an_end(bot: BotHarness):
    mona, store = moderator(bot), bot.services.store
    full = tuple(range(1, MAX_LISTED + 1))
    await store.guild_settings.change(bot.guild.id, lambda old: old.changed(channels=full))
    refusal = await told_by(mona, bot.channel, "channels add", channel=bot.channel)
    assert f"at most {MAX_LISTED} channels" in refusal
    assert len(await told_by(mona, bot.channel, "show")) <= 2000


async def test_words_are_added_listed_and_removed(bot: BotHarness):
    mona = moderator(bot)
    text = await told_by(mona, bot.channel, "words add", words="Damn,  bad WORD , stem*")
    assert "3 blocked" in text
    assert "damn" not in text
    listed = await told_by(mona, bot.channel, "words list")
    assert all(word in listed for word in ("damn", "bad word", "stem\\*"))
    assert "none" in await told_by(mona, bot.channel, "words list", kind="age-restricted")
    assert "2 blocked" in await told_by(mona, bot.channel, "words remove", words="DAMN")
    assert "not on this list" in await told_by(mona, bot.channel, "words remove", words="damn")
    text = await told_by(mona, bot.channel, "words add", words="nude", kind="age-restricted")
    assert "2 blocked, 1 for age-restricted" in text


async def test_a_long_list_of_words_comes_as_a_file(bot: BotHarness):
    mona = moderator(bot)
    words = [f"{number:03}{'x' * 40}" for number in range(MAX_WORDS)]
    for begin in range(0, MAX_WORDS, 100):
        await told_by(mona, bot.channel, "words add", words=",".join(words[begin : begin + 100]))
    answered = await mona.slash(bot.channel, "settings words list")
    assert answered.response is not None
    assert answered.response.ephemeral
    (file,) = answered.response.attachments
    assert (await file.read()).decode().split("\n") == words
    refusal = await told_by(mona, bot.channel, "words add", words="one more")
    assert f"at most {MAX_WORDS}" in refusal


BAD_WORDS: Sequence[str] = ("*", "a", "x" * 60, "fine, b")


async def test_words_that_cannot_be_found_are_refused(bot: BotHarness):
    mona = moderator(bot)
    for words in BAD_WORDS:
        assert "at" in await told_by(mona, bot.channel, "words add", words=words)
        assert "0 blocked" in await told_by(mona, bot.channel, "show")


async def test_changes_of_two_moderators_are_both_kept(bot: BotHarness):
    mona, maud = moderator(bot), moderator(bot, "maud")
    await told_by(mona, bot.channel, "words add", words="one")
    await told_by(maud, bot.channel, "words add", words="two")
    await told_by(mona, bot.channel, "limits", steps=7)
    text = await told_by(maud, bot.channel, "show")
    assert "2 blocked" in text
    assert "Steps per picture: 7 of 100" in text


async def test_settings_are_those_of_one_server(bot: BotHarness):
    await told_by(moderator(bot), bot.channel, "limits", steps=1)
    elsewhere = bot.env.create_guild()
    channel = elsewhere.create_text_channel("art")
    alice = elsewhere.add_member(bot.alice.user)
    there = await alice.slash(channel, "imagine", prompt="a circle", steps=2)
    assert is_accepted(ephemeral_text(there))
    assert "At most 1 steps" in ephemeral_text(await bot.imagine(steps=2))
    direct = await bot.alice.user.slash("imagine", prompt="a circle", steps=2)
    assert is_accepted(ephemeral_text(direct))
    await bot.wait_until_notified()


async def test_everything_is_reset(bot: BotHarness):
    mona = moderator(bot)
    await told_by(mona, bot.channel, "limits", steps=7)
    await told_by(mona, bot.channel, "words add", words="damn")
    await told_by(mona, bot.channel, "channels add", channel=bot.channel)
    text = await told_by(mona, bot.channel, "reset")
    assert "7 of 100 → 100" in text
    assert "→ 0 blocked" in text
    assert "→ every channel" in text


async def test_settings_outlive_a_restart(settings: BotSettings):
    async with AsyncExitStack() as stack:
        async with open_test_services(settings) as services:
            env = await stack.enter_async_context(connected(PaintingBot(services)))
            stack.callback(raise_unexplained, env)
            guild = env.create_guild()
            channel = guild.create_text_channel("art")
            alice = guild.add_member(env.create_user("alice"))
            await guild_owner(env, guild).slash(channel, "settings words add", words="damn")
        async with open_test_services(settings) as services:
            await env.restart_bot(PaintingBot(services))
            refused = await alice.slash(channel, "imagine", prompt="d4mn", steps=1)
            assert "blocked here" in ephemeral_text(refused)


def guild_owner(env: simcord.Env, guild: simcord.GuildHandle) -> simcord.MemberActor:
    role = guild.create_role("mods", permissions=discord.Permissions(manage_guild=True))
    return guild.add_member(env.create_user("owner"), roles=[role])


DAMAGED: Sequence[tuple[str, bool]] = (
    ('{"steps": 1000000, "pictures_per_day": -1, "blocked_words": ["damn"]}', False),
    ('{"steps": "7", "edit_others": "perhaps", "count": true}', False),
    ('{"steps": 7, "new key": 1}', False),
    ('{"channels": ["everywhere"]}', True),
    ('{"roles": [0]}', True),
    ('{"blocked_words": ["*"]}', True),
    ('{"age_restricted_words": 1}', True),
    ("not JSON", True),
    ("[]", True),
    ('{"steps": 7, "blocked_words": ["\\ud800"]}', True),
    ("[" * 100_000, True),
)


async def test_damaged_settings_are_logged_and_open_no_door(
    settings: BotSettings, caplog: pytest.LogCaptureFixture
):
    insert = "INSERT OR REPLACE INTO guild_settings VALUES (?, ?)"
    async with open_bot(settings) as bot:
        mona = moderator(bot)
        for stored, refused in DAMAGED:
            caplog.clear()
            await change_database(settings.storage.folder, insert, bot.guild.id, stored)
            assert not is_accepted(ephemeral_text(await bot.imagine(steps=101)))
            answered = ephemeral_text(await bot.imagine("a circle", steps=1))
            assert ("damaged" in answered) == refused
            assert any("damaged" in record.getMessage() for record in caplog.records)
            assert "Damaged" in await told_by(mona, bot.channel, "show")
            if refused:
                blocked = await told_by(mona, bot.channel, "limits", steps=5)
                assert "/settings reset" in blocked
            assert "Damaged" not in await told_by(mona, bot.channel, "reset")
            assert is_accepted(ephemeral_text(await bot.imagine("a circle", steps=1)))
            await bot.wait_until_notified()


async def test_a_server_can_only_tighten_the_picture_filter(settings: BotSettings):
    async with open_filtered_bot(settings, SimpleFilter()) as bot:
        mona, command = moderator(bot), "picture-filter"
        text = await told_by(mona, bot.channel, "show")
        assert "Picture filter: holds back pictures with a score above 80 %" in text
        assert "age-restricted channels: off" in text
        refusal = await told_by(mona, bot.channel, command, strictness="lenient")
        assert "can only tighten" in refusal
        assert "Choose how strict" in await told_by(mona, bot.channel, command)
        text = await told_by(
            mona, bot.channel, command, strictness="very strict", age_restricted="lenient"
        )
        assert "→ holds back pictures with a score above 20 %" in text
        assert "off → holds back pictures with a score above 95 %" in text
        text = await told_by(mona, bot.channel, command, strictness="host", age_restricted="host")
        assert "→ holds back pictures with a score above 80 %" in text
        assert "→ off" in text


async def test_without_a_picture_filter_there_is_nothing_to_tighten(bot: BotHarness):
    mona = moderator(bot)
    refusal = await told_by(mona, bot.channel, "picture-filter", strictness="strict")
    assert "has not set up a picture filter" in refusal
    assert "Picture filter" not in await told_by(mona, bot.channel, "show")


async def test_a_threshold_that_is_damaged_holds_back_everything(settings: BotSettings):
    chosen = SimpleFilter(refuses=lambda _: True, score_of_refused=0.01)
    async with open_filtered_bot(settings, chosen) as bot:
        await told_by(moderator(bot), bot.channel, "picture-filter", strictness="strict")
        damaged = '{"picture_threshold": "low"}'
        folder = settings.storage.folder
        await change_database(folder, "UPDATE guild_settings SET settings = ?", damaged)
        await bot.imagine(steps=1)
        await bot.wait_until_notified()
        assert "held back" in bot.thread().history()[-1].content
