"""`/settings` of channels, roles, commands and spoilers: where I paint, and for whom."""

from typing import Literal

import discord
from discord import app_commands

from bot.guild_settings import COMMAND_LISTS
from bot.submission.settings_changes import clear_change, list_change
from cogs.settings.base import AnyChannel, SettingsCommands, place_id

PaintingCommand = Literal["imagine", "edit", "mask"]
_WHICH = "The command, with menus, replies and buttons that do the same"


class PlaceCommands(SettingsCommands):
    """Choose channels and roles."""

    channels = app_commands.Group(name="channels", description="Channels that I paint in")
    roles = app_commands.Group(name="roles", description="Roles that I paint for")
    placed = app_commands.Group(name="commands", description="Channels for one command each")
    spoilers = app_commands.Group(
        name="spoilers", description="Channels in which every picture is a spoiler"
    )

    @channels.command(name="add")
    @app_commands.describe(channel="A channel, with its threads")
    async def add_channel(self, interaction: discord.Interaction, channel: AnyChannel) -> None:
        """Add a channel to the list. I paint only in channels on the list."""
        await self._defer_and_change(interaction, list_change("channels", (place_id(channel),)))

    @channels.command(name="remove")
    @app_commands.describe(channel="A channel on the list")
    async def remove_channel(self, interaction: discord.Interaction, channel: AnyChannel) -> None:
        """Remove a channel from the list. With an empty list, I paint everywhere."""
        change = list_change("channels", removed=(place_id(channel),))
        await self._defer_and_change(interaction, change)

    @channels.command(name="clear")
    async def clear_channels(self, interaction: discord.Interaction) -> None:
        """Clear the list, so that I paint in all channels."""
        await self._defer_and_change(interaction, clear_change("channels"))

    @roles.command(name="add")
    @app_commands.describe(role="A role")
    async def add_role(self, interaction: discord.Interaction, role: discord.Role) -> None:
        """Add a role to the list. I paint only for people with a role on the list."""
        await self._defer_and_change(interaction, list_change("roles", (role.id,)))

    @roles.command(name="remove")
    @app_commands.describe(role="A role on the list")
    async def remove_role(self, interaction: discord.Interaction, role: discord.Role) -> None:
        """Remove a role from the list. With an empty list, I paint for everyone."""
        await self._defer_and_change(interaction, list_change("roles", removed=(role.id,)))

    @roles.command(name="clear")
    async def clear_roles(self, interaction: discord.Interaction) -> None:
        """Clear the list, so that I paint for everyone."""
        await self._defer_and_change(interaction, clear_change("roles"))

    @placed.command(name="add")
    @app_commands.describe(command=_WHICH, channel="A channel, with its threads")
    async def add_place(
        self, interaction: discord.Interaction, command: PaintingCommand, channel: AnyChannel
    ) -> None:
        """Allow a command in a channel. It then works only in channels on its list."""
        change = list_change(COMMAND_LISTS[command], (place_id(channel),))
        await self._defer_and_change(interaction, change)

    @placed.command(name="remove")
    @app_commands.describe(command=_WHICH, channel="A channel on the command's list")
    async def remove_place(
        self, interaction: discord.Interaction, command: PaintingCommand, channel: AnyChannel
    ) -> None:
        """Remove a channel from a command's list. With an empty list, it works everywhere."""
        change = list_change(COMMAND_LISTS[command], removed=(place_id(channel),))
        await self._defer_and_change(interaction, change)

    @placed.command(name="clear")
    @app_commands.describe(command=_WHICH)
    async def clear_places(
        self, interaction: discord.Interaction, command: PaintingCommand
    ) -> None:
        """Clear a command's list, so that it works in all channels in which I paint."""
        await self._defer_and_change(interaction, clear_change(COMMAND_LISTS[command]))

    @spoilers.command(name="add")
    @app_commands.describe(channel="A channel, with its threads")
    async def add_spoiler(self, interaction: discord.Interaction, channel: AnyChannel) -> None:
        """Make every new picture in a channel a spoiler."""
        change = list_change("spoiler_channels", (place_id(channel),))
        await self._defer_and_change(interaction, change)

    @spoilers.command(name="remove")
    @app_commands.describe(channel="A channel on the list")
    async def remove_spoiler(self, interaction: discord.Interaction, channel: AnyChannel) -> None:
        """Show new pictures in a channel openly again."""
        change = list_change("spoiler_channels", removed=(place_id(channel),))
        await self._defer_and_change(interaction, change)

    @spoilers.command(name="clear")
    async def clear_spoilers(self, interaction: discord.Interaction) -> None:
        """Show new pictures openly in all channels."""
        await self._defer_and_change(interaction, clear_change("spoiler_channels"))
