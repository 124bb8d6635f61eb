"""What a server's integration settings deny is not reached by replies, reactions and buttons."""

from typing import Any

import discord
import pytest
import simcord
from PIL import Image

from tests.harness.bot_harness import (
    BotHarness,
    encoded,
    ephemeral_text,
    is_accepted,
    result_of,
)
from tests.harness.replies import replied

REFUSED = "does not let you use `/"
CHANGED = "APPLICATION_COMMAND_PERMISSIONS_UPDATE"


def command_id(bot: BotHarness, name: str) -> int:
    found = bot.env.backend.find_command(name, None)
    assert found is not None
    return int(found["id"])


def deny(bot: BotHarness, target: Any, name: str = "imagine", *, allowed: bool = False) -> None:
    """Deny a command to a role, a member or a channel in the server's integration settings."""
    bot.guild.set_command_permissions(command_id(bot, name), {target: allowed})


async def jobs(bot: BotHarness) -> int:
    await bot.wait_until_notified()
    found = [await bot.services.store.jobs.state(each) for each in range(1, 9)]
    return len([each for each in found if each is not None])


async def rerun(who: simcord.MemberActor, result: discord.Message) -> str:
    return ephemeral_text(await who.click(result, label="Rerun"))


async def test_a_denied_member_paints_through_no_door(bot: BotHarness):
    await bot.imagine(steps=1)
    result = await result_of(bot)
    deny(bot, bot.bob)
    assert REFUSED in await rerun(bot.bob, result)
    edit = await bot.bob.context_menu(bot.thread(), "Edit this image", result)
    values = {"prompt": "a square", "keep": ["50"]}
    assert REFUSED in ephemeral_text(await bot.bob.submit_modal(edit, values))
    assert REFUSED in await replied(bot, "a green circle", result, who=bot.bob)
    await bot.bob.react(result, "🔁")
    assert await jobs(bot) == 1
    assert is_accepted(await rerun(bot.alice, result))
    assert await jobs(bot) == 2


async def test_who_may_not_imagine_may_not_blend(bot: BotHarness):
    deny(bot, bot.bob)
    picture = ("a.png", encoded(Image.new("RGB", (9, 9), "red")))
    options = {"image1": picture, "image2": picture, "steps": 1}
    refused = await bot.bob.slash(bot.channel, "blend", **options)
    assert REFUSED in ephemeral_text(refused)
    taken = await bot.alice.slash(bot.channel, "blend", **options)
    assert is_accepted(ephemeral_text(taken))
    assert await jobs(bot) == 1


@pytest.mark.parametrize("kind", ["everyone", "role", "channel", "application"])
async def test_roles_channels_and_all_commands_can_be_denied(bot: BotHarness, kind: str):
    await bot.imagine(steps=1)
    result = await result_of(bot)
    role = bot.guild.create_role("newcomers")
    bob = bot.guild.add_member(bot.env.create_user("ben"), roles=[role])
    match kind:
        case "everyone":
            _set_rules(bot, {"id": bot.guild.id, "type": 1, "permission": False})
        case "role":
            deny(bot, role)
        case "channel":
            deny(bot, bot.channel)
        case _:
            bot.guild.set_command_permissions(bot.env.backend.application_id, {role: False})
    assert REFUSED in await rerun(bob, result)
    assert await jobs(bot) == 1


async def test_what_is_allowed_to_a_member_outweighs_what_is_denied_to_a_role(bot: BotHarness):
    await bot.imagine(steps=1)
    result = await result_of(bot)
    _set_rules(
        bot,
        {"id": bot.guild.id, "type": 1, "permission": False},
        {"id": bot.bob.id, "type": 2, "permission": True},
    )
    assert is_accepted(await rerun(bot.bob, result))
    assert REFUSED in await rerun(bot.alice, result)


async def test_who_may_not_edit_may_still_paint(bot: BotHarness):
    await bot.imagine(steps=1)
    result = await result_of(bot)
    deny(bot, bot.bob, "edit")
    assert "`/edit`" in await replied(bot, "a green circle", result, who=bot.bob)
    assert is_accepted(await rerun(bot.bob, result))


async def test_a_change_counts_at_once(bot: BotHarness):
    await bot.imagine(steps=1)
    result = await result_of(bot)
    assert is_accepted(await rerun(bot.bob, result))
    rule = {"id": str(bot.bob.id), "type": 2, "permission": False}
    change = {
        "id": str(command_id(bot, "imagine")),
        "application_id": str(bot.env.backend.application_id),
        "guild_id": str(bot.guild.id),
        "permissions": [rule],
    }
    bot.env.backend.emit(CHANGED, change)
    await bot.env.settle()
    form = await bot.bob.click(result, label="Edit prompt")
    answer = await bot.bob.submit_modal(form, {"prompt": "a square"})
    assert REFUSED in ephemeral_text(answer)


async def test_while_discord_does_not_tell_nobody_is_blocked(bot: BotHarness):
    await bot.imagine(steps=1)
    result = await result_of(bot)
    deny(bot, bot.bob)
    path = "/applications/*/guilds/*/commands/*/permissions"
    bot.env.inject_error("GET", path, status=500, times=100)
    assert is_accepted(await rerun(bot.bob, result))
    owner = bot.guild.add_member(bot.env.create_user("mona"), roles=[managers(bot)])
    shown = await owner.slash(bot.channel, "settings show")
    assert "Discord does not tell me" in ephemeral_text(shown)


async def test_the_settings_say_that_other_doors_follow(bot: BotHarness):
    owner = bot.guild.add_member(bot.env.create_user("mona"), roles=[managers(bot)])
    shown = await owner.slash(bot.channel, "settings show")
    assert "buttons that do the same follow" in ephemeral_text(shown)


async def test_who_may_use_no_commands_in_a_channel_paints_through_no_other_door(bot: BotHarness):
    await bot.imagine(steps=1)
    result = await result_of(bot)
    channel = bot.client.get_channel(bot.channel.id)
    assert isinstance(channel, discord.TextChannel)
    await channel.set_permissions(
        await channel.guild.fetch_member(bot.bob.id), use_application_commands=False
    )
    assert REFUSED in await rerun(bot.bob, result)


def managers(bot: BotHarness) -> simcord.RoleHandle:
    return bot.guild.create_role("m", permissions=discord.Permissions(manage_guild=True))


def _set_rules(bot: BotHarness, *rules: dict[str, object]) -> None:
    bot.env.backend.set_command_permissions(
        bot.guild.id, command_id(bot, "imagine"), [dict(each) for each in rules]
    )
