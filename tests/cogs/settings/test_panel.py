"""The panel of `/settings show`: menus, buttons and forms that change one setting each."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

import discord
import simcord

from bot.client import PaintingBot
from bot.config import BotSettings
from bot.guild_settings import GuildSettings
from tests.cogs.settings.moderators import hidden_channel, moderator, told_by
from tests.harness.bot_harness import BotHarness, connected, open_test_services, raise_unexplained


async def opened(
    bot: BotHarness, who: simcord.MemberActor, section: str | None = None
) -> simcord.ResponseMessage:
    """Return the panel, with a part of it."""
    answered = await who.slash(bot.channel, "settings show")
    panel = answered.response
    assert panel is not None
    assert panel.ephemeral
    if section is None:
        return panel
    return await chosen(who, panel, "settings:section:", section)


async def chosen(
    who: simcord.MemberActor, panel: simcord.ResponseMessage, custom_id: str, *values: Any
) -> simcord.ResponseMessage:
    """Choose values in a menu of the panel; return the panel afterwards."""
    answered = await who.select(panel, list(values), custom_id=custom_id)
    assert answered.response is not None
    return answered.response


async def stored(bot: BotHarness) -> GuildSettings:
    return await bot.services.store.guild_settings.get(bot.guild.id)


async def test_channels_and_roles_are_chosen_in_menus(bot: BotHarness):
    mona, role = moderator(bot), bot.guild.create_role("painters")
    panel = await chosen(mona, await opened(bot, mona), "settings:list:channels", bot.channel)
    assert panel.content.startswith(f"Where I paint: every channel → {bot.channel.mention}\n")
    panel = await chosen(mona, panel, "settings:list:roles", role)
    assert f"Who I paint for: everyone → {role.mention}" in panel.content
    panel = await chosen(mona, panel, "settings:list:spoiler_channels", bot.channel)
    panel = await chosen(mona, panel, "settings:list:channels")
    assert f"{bot.channel.mention} → every channel" in panel.content
    server = await stored(bot)
    assert (server.channels, server.roles) == ((), (role.id,))
    assert server.spoiler_channels == (bot.channel.id,)


async def test_what_two_moderators_choose_in_one_menu_is_both_kept(bot: BotHarness):
    mona, maud = moderator(bot), moderator(bot, "maud")
    other = bot.guild.create_text_channel("other")
    first, second = await opened(bot, mona), await opened(bot, maud)
    await chosen(mona, first, "settings:list:channels", bot.channel)
    panel = await chosen(maud, second, "settings:list:channels", other)
    both = f"{bot.channel.mention} or {other.mention}"
    assert f"{bot.channel.mention} → {both}" in panel.content
    panel = await chosen(maud, panel, "settings:list:channels", bot.channel)
    assert (await stored(bot)).channels == (bot.channel.id,)


async def test_numbers_are_typed_into_a_form(bot: BotHarness):
    mona = moderator(bot)
    await told_by(mona, bot.channel, "limits", count=2)
    panel = await opened(bot, mona, "limits")
    form = await mona.click(panel, label="Limits of a picture…")
    answered = await mona.submit_modal(form, {"steps": " 50 ", "count": "2", "pixels": ""})
    assert answered.response is not None
    assert answered.response.content.startswith("Steps per picture: 1000 → 50 of 1000\n\n")
    form = await mona.click(answered.response, label="Limits of a picture…")
    answered = await mona.submit_modal(form, {"steps": "5000", "count": "", "pixels": ""})
    assert answered.response is not None
    assert "only tighten" in answered.response.content
    form = await mona.click(answered.response, label="Limits of people and server…")
    values = {"pictures_per_day": "²", "jobs_per_person": "", "jobs_per_server": ""}
    refused = await mona.submit_modal(form, values)
    assert "whole number" in refused.followups[0].content
    server = await stored(bot)
    assert (server.steps, server.count) == (50, 2)


async def test_replies_edits_commands_people_and_words_are_chosen(bot: BotHarness):
    mona = moderator(bot)
    panel = await opened(bot, mona, "limits")
    panel = await chosen(mona, panel, "settings:choice:replies", "never")
    assert "→ never" in panel.content
    panel = await chosen(mona, panel, "settings:choice:edit_others", "own")
    assert "everyone → only the person" in panel.content
    panel = await chosen(mona, panel, "settings:section:", "commands")
    panel = await chosen(mona, panel, "settings:list:mask_channels", bot.channel)
    assert f"Where `/mask` works: every channel in which I paint → {bot.channel.mention}" in (
        panel.content
    )
    panel = await chosen(mona, panel, "settings:section:", "people")
    panel = await chosen(mona, panel, "settings:list:blocked_people", bot.alice)
    assert "none → 1 person" in panel.content
    form = await mona.click(panel, label="Block words…")
    values = {"words": "damn, x*yz", "kind": ["age-restricted"]}
    answered = await mona.submit_modal(form, values)
    assert answered.response is not None
    assert "→ 0 blocked, 2 for age-restricted" in answered.response.content
    server = await stored(bot)
    assert server.age_restricted_words == ("damn", "x*yz")
    assert (server.replies, server.edit_others) == ("never", False)
    assert server.blocked_people == (bot.alice.id,)


async def test_the_moderation_log_is_chosen_if_not_everybody_sees_it(bot: BotHarness):
    mona = moderator(bot)
    place = hidden_channel(bot, mona)
    panel = await opened(bot, mona, "log")
    panel = await chosen(mona, panel, "settings:choice:kept", "yes")
    assert "Choose a channel for the moderation log first" in panel.content
    panel = await chosen(mona, panel, "settings:log:channel", bot.channel)
    assert "Everyone can see" in panel.content
    panel = await chosen(mona, panel, "settings:log:channel", place)
    assert f"Moderation log: none → {place.mention}, deleted pictures are not" in panel.content
    panel = await chosen(mona, panel, "settings:choice:kept", "yes")
    assert "are kept there" in panel.content
    panel = await chosen(mona, panel, "settings:log:channel")
    assert "→ none" in panel.content
    server = await stored(bot)
    assert (server.log_channel, server.log_keeps_deleted) == (None, None)


async def test_who_is_no_moderator_any_more_changes_nothing(bot: BotHarness):
    mona = moderator(bot)
    panel = await opened(bot, mona)
    role = bot.guild.roles["moderators mona"]
    bot.env.backend.delete_role(bot.guild.id, role.id)
    await bot.env.settle()
    answered = await mona.select(panel, [bot.channel], custom_id="settings:list:channels")
    assert "does not let you use `/settings`" in answered.followups[0].content
    assert (await stored(bot)).channels == ()


async def test_the_servers_integration_settings_say_who_else_may(bot: BotHarness):
    mona, command = moderator(bot), bot.env.backend.find_command("settings", None)
    assert command is not None
    bot.guild.set_command_permissions(int(command["id"]), {bot.alice: True, mona: False})
    panel = await opened(bot, bot.alice)
    panel = await chosen(bot.alice, panel, "settings:list:channels", bot.channel)
    assert f"every channel → {bot.channel.mention}" in panel.content
    rule = {"id": str(bot.alice.id), "type": 2, "permission": False}
    change = {
        "id": str(command["id"]),
        "application_id": str(bot.env.backend.application_id),
        "guild_id": str(bot.guild.id),
        "permissions": [rule],
    }
    bot.env.backend.emit("APPLICATION_COMMAND_PERMISSIONS_UPDATE", change)
    await bot.env.settle()
    answered = await bot.alice.select(panel, [], custom_id="settings:list:channels")
    assert "does not let you use `/settings`" in answered.followups[0].content
    assert (await stored(bot)).channels == (bot.channel.id,)


async def test_the_panel_works_after_a_restart(settings: BotSettings):
    async with AsyncExitStack() as stack:
        async with open_test_services(settings) as services:
            env = await stack.enter_async_context(connected(PaintingBot(services)))
            stack.callback(raise_unexplained, env)
            guild = env.create_guild()
            channel = guild.create_text_channel("art")
            role = guild.create_role("mods", permissions=discord.Permissions(manage_guild=True))
            mona = guild.add_member(env.create_user("mona"), roles=[role])
            panel = (await mona.slash(channel, "settings show")).response
            assert panel is not None
        async with open_test_services(settings) as services:
            await env.restart_bot(PaintingBot(services))
            panel = await chosen(mona, panel, "settings:list:channels", channel)
            assert f"→ {channel.mention}" in panel.content


UNKNOWN: Sequence[str] = ("settings:list:steps", "settings:choice:x", "settings::")


async def test_an_unknown_item_is_said_to_be_unknown(bot: BotHarness):
    mona = moderator(bot)
    for custom_id in UNKNOWN:
        view = discord.ui.View(timeout=None)
        view.add_item(discord.ui.ChannelSelect(custom_id=custom_id))
        channel: Any = bot.client.get_channel(bot.channel.id)
        message = await channel.send("menu", view=view)
        answered = await mona.select(message, [bot.channel], custom_id=custom_id)
        assert "don't know this button" in answered.followups[0].content
