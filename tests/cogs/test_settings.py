"""`/settings`: moderators tighten what is allowed in their server, and nobody else does."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, closing
from pathlib import Path

import discord
import pytest
import simcord

from bot.client import PaintingBot
from bot.config import BotSettings
from bot.guild_settings import MAX_LISTED, MAX_WORDS
from bot.storage.connection import DATABASE
from tests.harness.bot_harness import (
    Studio,
    make_settings,
    open_studio,
    open_test_services,
    raise_unexplained,
    told,
)

COMMANDS = (
    "settings show",
    "settings limits",
    "settings edit-others",
    "settings channels add",
    "settings roles clear",
    "settings words list",
    "settings reset",
)


@pytest.fixture
def settings(tmp_path: Path) -> BotSettings:
    made = make_settings(tmp_path / "data")
    limits = made.limits.model_copy(update={"steps": 100, "jobs_per_server": 20})
    return made.model_copy(update={"limits": limits})


@pytest.fixture
async def studio(settings: BotSettings) -> AsyncIterator[Studio]:
    async with open_studio(settings) as opened:
        yield opened


def moderator(studio: Studio, name: str = "mona") -> simcord.MemberActor:
    permissions = discord.Permissions(manage_guild=True)
    role = studio.guild.create_role(f"moderators {name}", permissions=permissions)
    return studio.guild.add_member(studio.env.create_user(name), roles=[role])


async def told_by(
    who: simcord.MemberActor, place: simcord.ChannelHandle, command: str, /, **options: object
) -> str:
    return told(await who.slash(place, f"settings {command}", **options))


@pytest.mark.parametrize("command", COMMANDS)
async def test_members_cannot_change_settings(studio: Studio, command: str):
    with pytest.raises(simcord.SetupError, match="not visible"):
        await studio.alice.slash(studio.channel, command)
    assert command not in studio.alice.available_commands(studio.channel)
    assert command in moderator(studio).available_commands(studio.channel)


async def test_servers_only_have_settings(studio: Studio):
    with pytest.raises(simcord.SetupError, match="not visible"):
        await studio.alice.user.slash("settings show")


async def test_what_is_allowed_is_shown_to_the_moderator_alone(studio: Studio):
    text = await told_by(moderator(studio), studio.channel, "show")
    for part in (
        "Steps per picture: 100",
        "every channel",
        "Who I paint for: everyone",
        "0 blocked",
    ):
        assert part in text
    assert not studio.channel.history()


async def test_limits_are_tightened_and_left_to_the_host_again(studio: Studio):
    mona = moderator(studio)
    text = await told_by(mona, studio.channel, "limits", steps=50, pictures_per_day=3)
    assert "Steps per picture: 50 of 100" in text
    assert "day: 3 of 200" in text
    assert "At most 50 steps" in told(await studio.imagine(steps=51))
    assert "Queued" in told(await studio.imagine(steps=1))
    assert "Steps per picture: 100\n" in await told_by(mona, studio.channel, "limits", steps=0)
    assert "day: 3 of 200" in await told_by(mona, studio.channel, "show")
    await studio.all_told()


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"steps": 101}, ("Steps", "at most 100", "only tighten")),
        ({"jobs_per_server": 21}, ("at most 20", "only tighten")),
        ({"pictures_per_day": 201, "steps": 1}, ("at most 200", "only tighten")),
        ({"pixels": 5}, ("lowest limit is 256",)),
        ({}, ("Choose which limit",)),
    ],
)
async def test_a_server_can_only_tighten_limits(
    studio: Studio, options: dict[str, int], parts: tuple[str, ...]
):
    mona = moderator(studio)
    refusal = await told_by(mona, studio.channel, "limits", **options)
    assert all(part in refusal for part in parts)
    assert "Steps per picture: 100\n" in await told_by(mona, studio.channel, "show")


async def test_a_host_that_lets_nobody_edit_others_pictures_has_the_last_word(tmp_path: Path):
    made = make_settings(tmp_path)
    limits = made.limits.model_copy(update={"edit_others": False})
    async with open_studio(made.model_copy(update={"limits": limits})) as studio:
        mona = moderator(studio)
        refusal = await told_by(mona, studio.channel, "edit-others", allowed=True)
        assert "only tighten" in refusal
        assert "only the person who asked" in await told_by(mona, studio.channel, "show")


async def test_lists_of_channels_and_roles_are_kept(studio: Studio):
    mona, other = moderator(studio), studio.guild.create_text_channel("other")
    role = studio.guild.create_role("painters")
    await told_by(mona, studio.channel, "channels add", channel=studio.channel)
    await told_by(mona, studio.channel, "channels add", channel=other)
    text = await told_by(mona, studio.channel, "channels add", channel=other)
    assert f"{studio.channel.mention} or {other.mention}" in text
    text = await told_by(mona, studio.channel, "channels remove", channel=other)
    assert other.mention not in text
    assert "not on the list" in await told_by(
        mona, studio.channel, "channels remove", channel=other
    )
    assert role.mention in await told_by(mona, studio.channel, "roles add", role=role)
    assert "Who I paint for: everyone" in await told_by(
        mona, studio.channel, "roles remove", role=role
    )
    assert "every channel" in await told_by(mona, studio.channel, "channels clear")


async def test_a_list_of_channels_has_an_end(studio: Studio):
    mona, store = moderator(studio), studio.services.store
    full = tuple(range(1, MAX_LISTED + 1))
    await store.guild_settings.change(studio.guild.id, lambda old: old.changed(channels=full))
    refusal = await told_by(mona, studio.channel, "channels add", channel=studio.channel)
    assert f"at most {MAX_LISTED} channels" in refusal
    assert len(await told_by(mona, studio.channel, "show")) <= 2000


async def test_words_are_added_listed_and_removed(studio: Studio):
    mona = moderator(studio)
    text = await told_by(mona, studio.channel, "words add", words="Damn,  bad WORD , stem*")
    assert "3 blocked" in text
    assert "damn" not in text
    listed = await told_by(mona, studio.channel, "words list")
    assert all(word in listed for word in ("damn", "bad word", "stem\\*"))
    assert "none" in await told_by(mona, studio.channel, "words list", kind="age-restricted")
    assert "2 blocked" in await told_by(mona, studio.channel, "words remove", words="DAMN")
    assert "not on this list" in await told_by(mona, studio.channel, "words remove", words="damn")
    text = await told_by(mona, studio.channel, "words add", words="nude", kind="age-restricted")
    assert "2 blocked, 1 for age-restricted" in text


async def test_a_long_list_of_words_comes_as_a_file(studio: Studio):
    mona = moderator(studio)
    words = [f"{number:03}{'x' * 40}" for number in range(MAX_WORDS)]
    for begin in range(0, MAX_WORDS, 100):
        await told_by(mona, studio.channel, "words add", words=",".join(words[begin : begin + 100]))
    answered = await mona.slash(studio.channel, "settings words list")
    assert answered.response is not None
    assert answered.response.ephemeral
    (file,) = answered.response.attachments
    assert (await file.read()).decode().split("\n") == words
    refusal = await told_by(mona, studio.channel, "words add", words="one more")
    assert f"at most {MAX_WORDS}" in refusal


@pytest.mark.parametrize("words", ["*", "a", "x" * 60, "fine, b"])
async def test_words_that_cannot_be_found_are_refused(studio: Studio, words: str):
    mona = moderator(studio)
    assert "at" in await told_by(mona, studio.channel, "words add", words=words)
    assert "0 blocked" in await told_by(mona, studio.channel, "show")


async def test_changes_of_two_moderators_are_both_kept(studio: Studio):
    mona, maud = moderator(studio), moderator(studio, "maud")
    await told_by(mona, studio.channel, "words add", words="one")
    await told_by(maud, studio.channel, "words add", words="two")
    await told_by(mona, studio.channel, "limits", steps=7)
    text = await told_by(maud, studio.channel, "show")
    assert "2 blocked" in text
    assert "Steps per picture: 7 of 100" in text


async def test_settings_are_those_of_one_server(studio: Studio):
    await told_by(moderator(studio), studio.channel, "limits", steps=1)
    elsewhere = studio.env.create_guild()
    channel = elsewhere.create_text_channel("art")
    alice = elsewhere.add_member(studio.alice.user)
    assert "Queued" in told(await alice.slash(channel, "imagine", prompt="a circle", steps=2))
    assert "At most 1 steps" in told(await studio.imagine(steps=2))
    direct = await studio.alice.user.slash("imagine", prompt="a circle", steps=2)
    assert "Queued" in told(direct)
    await studio.all_told()


async def test_everything_is_reset(studio: Studio):
    mona = moderator(studio)
    await told_by(mona, studio.channel, "limits", steps=7)
    await told_by(mona, studio.channel, "words add", words="damn")
    await told_by(mona, studio.channel, "channels add", channel=studio.channel)
    before = await told_by(mona, studio.channel, "show")
    text = await told_by(mona, studio.channel, "reset")
    assert text != before
    assert "Steps per picture: 100\n" in text
    assert "0 blocked" in text
    assert "every channel" in text


async def test_settings_outlive_a_restart(settings: BotSettings):
    async with AsyncExitStack() as stack:
        async with open_test_services(settings) as services:
            env = await stack.enter_async_context(simcord.run(PaintingBot(services), shard_count=1))
            stack.callback(raise_unexplained, env)
            guild = env.create_guild()
            channel = guild.create_text_channel("art")
            alice = guild.add_member(env.create_user("alice"))
            await guild_owner(env, guild).slash(channel, "settings words add", words="damn")
        async with open_test_services(settings) as services:
            await env.restart_bot(PaintingBot(services))
            refused = await alice.slash(channel, "imagine", prompt="d4mn", steps=1)
            assert "blocked here" in told(refused)


def guild_owner(env: simcord.Env, guild: simcord.GuildHandle) -> simcord.MemberActor:
    role = guild.create_role("mods", permissions=discord.Permissions(manage_guild=True))
    return guild.add_member(env.create_user("owner"), roles=[role])


@pytest.mark.parametrize(
    ("stored", "refused"),
    [
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
    ],
)
async def test_damaged_settings_are_logged_and_open_no_door(
    settings: BotSettings, caplog: pytest.LogCaptureFixture, stored: str, refused: bool
):
    async with open_studio(settings) as studio:
        with closing(sqlite3.connect(settings.storage.folder / DATABASE)) as database, database:
            row = (studio.guild.id, stored)
            database.execute("INSERT INTO guild_settings VALUES (?, ?)", row)
        assert "Queued" not in told(await studio.imagine(steps=101))
        answered = told(await studio.imagine("a circle", steps=1))
        assert ("damaged" in answered) == refused
        assert any("damaged" in record.getMessage() for record in caplog.records)
        mona = moderator(studio)
        assert "Damaged" in await told_by(mona, studio.channel, "show")
        if refused:
            blocked = await told_by(mona, studio.channel, "limits", steps=5)
            assert "/settings reset" in blocked
        assert "Damaged" not in await told_by(mona, studio.channel, "reset")
        assert "Queued" in told(await studio.imagine("a circle", steps=1))
        await studio.all_told()
