"""`/settings`: moderators tighten the host's limits for their server.

Discord offers these commands only to members with the permission *Manage Server*, and to those
whom the server's integration settings allow.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Literal

import discord
from discord import app_commands
from discord.app_commands import Choice, Range
from discord.ext import commands

from bot import errors
from bot.client import BotCog
from bot.config import MAX_JOBS, MAX_VARIATIONS
from bot.errors import UserError
from bot.filtering.wordlist import check_entry
from bot.guild_settings import LIMITS, MAX_LISTED, MAX_WORDS, NO_GUILD, GuildSettings
from bot.ui import formatting
from bot.ui.access_lists import CHANNELS, ROLES, if_known
from bot.ui.attachments import Attachment
from bot.ui.responses import defer, respond, update_response
from bot.ui.settings_text import (
    NAMES,
    REPLIES,
    STRICTNESS,
    STRICTNESS_NAMES,
    commands_text,
    picture_filter_text,
    settings_text,
)
from engine.recipes.recipe import MAX_SIDE, MAX_STEPS, MIN_SIDE

log = logging.getLogger(__name__)

AnyChannel = (
    discord.TextChannel
    | discord.VoiceChannel
    | discord.StageChannel
    | discord.ForumChannel
    | discord.Thread
)
Kind = Literal["blocked", "age-restricted"]
_LISTS = {"blocked": "blocked_words", "age-restricted": "age_restricted_words"}
_STRICTNESS = [Choice(name=text, value=name) for name, text in STRICTNESS_NAMES.items()]
_LONGEST = 1800
"""Maximum length of a list of words in a message, in characters; longer ones are files."""


@app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
@app_commands.default_permissions(manage_guild=True)
class ServerSettingsCog(
    BotCog,
    commands.GroupCog,
    group_name="settings",
    group_description="What is allowed in this server",
):
    """Let moderators tighten the host's limits for their server."""

    channels = app_commands.Group(name="channels", description="Channels that I paint in")
    roles = app_commands.Group(name="roles", description="Roles that I paint for")
    words = app_commands.Group(name="words", description="Words that prompts may not contain")

    @app_commands.command()
    async def show(self, interaction: discord.Interaction) -> None:
        """Show what is allowed in this server."""
        await defer(interaction)
        server = await self._services.store.guild_settings.get(interaction.guild_id)
        is_known = await self._services.command_access.is_known(interaction.guild_id or 0)
        text = self._described(interaction, server)
        await respond(interaction, f"{text}\n{commands_text(is_known=is_known)}")

    @app_commands.command()
    @app_commands.describe(
        steps="Steps per picture. 0, here and below, means the host's limit",
        count="Variations per command",
        pixels="Pixels per picture, width times height",
        pictures_per_day="Pictures per person and day",
        jobs_per_person="Queued and running jobs per person",
        jobs_per_server="Queued and running jobs in this server",
    )
    async def limits(
        self,
        interaction: discord.Interaction,
        steps: Range[int, 0, MAX_STEPS] | None = None,
        count: Range[int, 0, MAX_VARIATIONS] | None = None,
        pixels: Range[int, 0, MAX_SIDE**2] | None = None,
        pictures_per_day: Range[int, 0, MAX_JOBS] | None = None,
        jobs_per_person: Range[int, 0, MAX_JOBS] | None = None,
        jobs_per_server: Range[int, 0, MAX_JOBS] | None = None,
    ) -> None:
        """Lower the limits in this server."""
        await defer(interaction)
        given = (steps, count, pixels, pictures_per_day, jobs_per_person, jobs_per_server)
        numbers = {
            name: number for name, number in zip(LIMITS, given, strict=True) if number is not None
        }
        self._check_limits(numbers)
        values = {name: number or None for name, number in numbers.items()}
        await self._change(interaction, lambda before: before.changed(**values))

    @app_commands.command(name="edit-others")
    @app_commands.describe(allowed="True: everyone may. False: only the person who asked for it")
    async def edit_others(self, interaction: discord.Interaction, allowed: bool) -> None:
        """Choose whether people may edit each other's pictures in this server."""
        await defer(interaction)
        if allowed and not self._services.settings.limits.edit_others:
            raise UserError(
                "The host of this bot lets people edit only their own pictures, and a server can "
                "only tighten that."
            )
        value = None if allowed else False
        await self._change(interaction, lambda before: before.changed(edit_others=value))

    @app_commands.command()
    @app_commands.describe(words="Which replies in words alone, without a picture, edit a picture")
    @app_commands.choices(words=[Choice(name=text, value=name) for name, text in REPLIES.items()])
    async def replies(self, interaction: discord.Interaction, words: str) -> None:
        """Choose which replies in words edit a picture: talk about pictures can look the same."""
        await defer(interaction)
        if words not in REPLIES:
            raise UserError("Choose one of the ways in the list.")
        await self._change(interaction, lambda before: before.changed(replies=words))

    @app_commands.command(name="picture-filter")
    @app_commands.describe(
        strictness="How strict the filter is in this server",
        age_restricted="The same in age-restricted channels",
    )
    @app_commands.choices(strictness=_STRICTNESS, age_restricted=_STRICTNESS)
    async def picture_filter(
        self,
        interaction: discord.Interaction,
        strictness: str | None = None,
        age_restricted: str | None = None,
    ) -> None:
        """Choose which pictures are not shown in this server."""
        await defer(interaction)
        given = {
            "picture_threshold": strictness,
            "picture_threshold_age_restricted": age_restricted,
        }
        chosen = {key: name for key, name in given.items() if name is not None}
        self._check_strictness(chosen)
        values = {key: STRICTNESS[name] for key, name in chosen.items()}
        await self._change(interaction, lambda before: before.changed(**values))

    @app_commands.command()
    async def cleanup(self, interaction: discord.Interaction) -> None:
        """Remove deleted channels and roles from the lists."""
        await defer(interaction)
        guild = if_known(interaction.guild)
        if guild is None:
            raise UserError("Discord has not told me this server's channels yet. Try again later.")

        def change(before: GuildSettings) -> GuildSettings:
            # A list of deleted entries only allows nothing; an empty one would allow everything.
            channels = CHANNELS.existing(before.channels, guild) or before.channels
            roles = ROLES.existing(before.roles, guild) or before.roles
            return before.changed(channels=channels, roles=roles)

        await self._change(interaction, change)

    @app_commands.command()
    async def reset(self, interaction: discord.Interaction) -> None:
        """Remove all settings of this server: the host's limits apply."""
        await defer(interaction)
        await self._change(interaction, lambda _: NO_GUILD, even_if_damaged=True)

    @channels.command(name="add")
    @app_commands.describe(channel="A channel, with its threads")
    async def add_channel(self, interaction: discord.Interaction, channel: AnyChannel) -> None:
        """Add a channel to the list. I paint only in channels on the list."""
        await self._change_list(interaction, "channels", added=(_place_id(channel),))

    @channels.command(name="remove")
    @app_commands.describe(channel="A channel on the list")
    async def remove_channel(self, interaction: discord.Interaction, channel: AnyChannel) -> None:
        """Remove a channel from the list. With an empty list, I paint everywhere."""
        await self._change_list(interaction, "channels", removed=(_place_id(channel),))

    @channels.command(name="clear")
    async def clear_channels(self, interaction: discord.Interaction) -> None:
        """Clear the list, so that I paint in all channels."""
        await self._clear(interaction, "channels")

    @roles.command(name="add")
    @app_commands.describe(role="A role")
    async def add_role(self, interaction: discord.Interaction, role: discord.Role) -> None:
        """Add a role to the list. I paint only for people with a role on the list."""
        await self._change_list(interaction, "roles", added=(role.id,))

    @roles.command(name="remove")
    @app_commands.describe(role="A role on the list")
    async def remove_role(self, interaction: discord.Interaction, role: discord.Role) -> None:
        """Remove a role from the list. With an empty list, I paint for everyone."""
        await self._change_list(interaction, "roles", removed=(role.id,))

    @roles.command(name="clear")
    async def clear_roles(self, interaction: discord.Interaction) -> None:
        """Clear the list, so that I paint for everyone."""
        await self._clear(interaction, "roles")

    @words.command(name="add")
    @app_commands.describe(
        words="Words, separated by commas. * stands for any letters",
        kind="Blocked everywhere, or only outside age-restricted channels",
    )
    async def add_words(
        self, interaction: discord.Interaction, words: str, kind: Kind = "blocked"
    ) -> None:
        """Block words in prompts."""
        await self._change_list(interaction, _LISTS[kind], added=_entries(words))

    @words.command(name="remove")
    @app_commands.describe(words="Words on the list, separated by commas", kind="Which list")
    async def remove_words(
        self, interaction: discord.Interaction, words: str, kind: Kind = "blocked"
    ) -> None:
        """Allow words again."""
        await self._change_list(interaction, _LISTS[kind], removed=_entries(words))

    @words.command(name="list")
    @app_commands.describe(kind="Which list")
    async def list_words(self, interaction: discord.Interaction, kind: Kind = "blocked") -> None:
        """Show this server's words, to you only."""
        await defer(interaction)
        server = await self._services.store.guild_settings.get(interaction.guild_id)
        listed: Sequence[str] = getattr(server, _LISTS[kind])
        title = f"{kind.capitalize()} words of this server: {len(listed) or 'none'}"
        text = "\n".join((title, ", ".join(map(formatting.escape_prompt, listed))))
        if len(text) <= _LONGEST:
            return await respond(interaction, text)
        file = Attachment("words.txt", "\n".join(listed).encode(), title)
        return await update_response(interaction, title, [file])

    async def _change_list(
        self,
        interaction: discord.Interaction,
        name: str,
        *,
        added: Sequence[int | str] = (),
        removed: Sequence[int | str] = (),
    ) -> None:
        """Add entries to a list, or remove them from it, and show the settings."""
        is_words = name in _LISTS.values()
        most, entries = (MAX_WORDS, "words") if is_words else (MAX_LISTED, name)

        def change(before: GuildSettings) -> GuildSettings:
            listed = dict.fromkeys((*getattr(before, name), *added))
            if added and len(listed) > most:
                raise UserError(
                    f"That would be {len(listed)}; a list can have at most {most} {entries}."
                )
            for each in removed:
                if each not in listed:
                    raise UserError(_not_listed(each))
            return before.changed(**{name: tuple(each for each in listed if each not in removed)})

        await defer(interaction)
        await self._change(interaction, change)

    async def _clear(self, interaction: discord.Interaction, name: str) -> None:
        await defer(interaction)
        await self._change(interaction, lambda before: before.changed(**{name: ()}))

    async def _change(
        self,
        interaction: discord.Interaction,
        change: Callable[[GuildSettings], GuildSettings],
        *,
        even_if_damaged: bool = False,
    ) -> None:
        """Store a change, and show the settings."""

        def checked(before: GuildSettings) -> GuildSettings:
            if before.is_fail_closed and not even_if_damaged:
                raise UserError(
                    "This server's settings are damaged. Start over with `/settings reset`."
                )
            return change(before)

        guild_id = interaction.guild_id
        if guild_id is None:
            raise UserError("Only servers have settings.")
        after = await self._services.store.guild_settings.change(guild_id, checked)
        log.info("server settings changed", extra={"server": guild_id, "by": interaction.user.id})
        await respond(interaction, self._described(interaction, after))

    def _check_limits(self, numbers: dict[str, int]) -> None:
        """Raise `UserError` unless each number tightens the host's."""
        host = self._services.settings.limits
        if not numbers:
            raise UserError("Choose which limit to change, such as `steps`.")
        for name, number in numbers.items():
            most = getattr(host, name)
            if number > most:
                raise UserError(
                    f"{NAMES[name]}: the host of this bot allows at most {most}, and a server "
                    "can only tighten that."
                )
        if 0 < numbers.get("pixels", 0) < MIN_SIDE**2:
            raise UserError(f"{NAMES['pixels']}: the lowest limit is {MIN_SIDE**2}.")

    def _check_strictness(self, chosen: dict[str, str]) -> None:
        """Raise `UserError` unless each choice, by its key, is as strict as the host's."""
        if not self._services.picture_check.is_on:
            raise UserError("The host of this bot has not set up a picture filter.")
        if not chosen:
            raise UserError("Choose how strict the filter is with `strictness`.")
        for key, name in chosen.items():
            if name not in STRICTNESS:
                raise UserError("Choose one of the ways in the list.")
            if (STRICTNESS[name] or 0) > getattr(self._services.settings.safety, key):
                raise UserError(
                    "The host of this bot chose a stricter filter, and a server can only tighten "
                    "that."
                )

    def _described(self, interaction: discord.Interaction, server: GuildSettings) -> str:
        """Describe what is allowed in a server."""
        settings = self._services.settings
        replies = settings.discord.replies
        text = settings_text(server, settings.limits, replies, interaction.guild)
        if not self._services.picture_check.is_on:
            return text
        return f"{text}\n{picture_filter_text(server, settings.safety)}"


def _place_id(channel: AnyChannel) -> int:
    return channel.parent_id if isinstance(channel, discord.Thread) else channel.id


def _not_listed(entry: int | str) -> str:
    if isinstance(entry, int):
        return "That is not on the list. `/settings show` shows the list."
    return (
        f"{formatting.spoiler(entry)} is not on this list. `/settings words list` shows the list."
    )


def _entries(words: str) -> tuple[str, ...]:
    """Split a list of words that were typed with commas between them."""
    try:
        return tuple(check_entry(each) for each in words.split(",") if each.strip())
    except ValueError as error:
        raise UserError(errors.sentence(str(error))) from error
