"""`/settings`: what the moderators of a server allow in it, within what the host allows.

Discord shows these commands to members with the permission *Manage Server*, and to whom else a
server's own settings for integrations give them, and takes them from nobody else.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Literal

import discord
from discord import app_commands
from discord.app_commands import Range
from discord.ext import commands

from bot import errors
from bot.client import PaintingBot
from bot.config import MAX_JOBS, MAX_VARIATIONS
from bot.errors import UserError
from bot.filtering.wordlist import check_entry
from bot.guild_settings import LIMITS, MAX_LISTED, MAX_WORDS, NO_GUILD, GuildSettings
from bot.ui import formatting
from bot.ui.attachments import Attachment
from bot.ui.responses import defer, respond, update_response
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
_NAMES = {
    "steps": "Steps of a picture",
    "count": "Variations in one command",
    "pixels": "Pixels of a picture, width times height",
    "pictures_per_day": "Pictures of one person a day",
    "jobs_per_person": "Jobs of one person at a time",
    "jobs_per_server": "Jobs of this server at a time",
}
_LONGEST = 1800
"""Characters of a list of words in a message; a longer one comes as a file."""


@app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
@app_commands.default_permissions(manage_guild=True)
class ServerSettingsCog(
    commands.GroupCog, group_name="settings", group_description="What is allowed in this server"
):
    """Let moderators tighten the host's limits for their server."""

    channels = app_commands.Group(name="channels", description="Where I paint in this server")
    roles = app_commands.Group(name="roles", description="For whom I paint in this server")
    words = app_commands.Group(name="words", description="Words that prompts must not hold here")

    def __init__(self, bot: PaintingBot) -> None:
        self._services = bot.services

    @app_commands.command()
    async def show(self, interaction: discord.Interaction) -> None:
        """What is allowed in this server."""
        await defer(interaction)
        server = await self._services.store.guild_settings.get(interaction.guild_id)
        await respond(interaction, self._described(server))

    @app_commands.command()
    @app_commands.describe(
        steps="Steps of a picture. 0 in any of these: as many as the host allows",
        count="Variations in one command",
        pixels="Pixels of a picture, width times height",
        pictures_per_day="Pictures of one person a day",
        jobs_per_person="Jobs of one person that wait or run at a time",
        jobs_per_server="Jobs of this server that wait or run at a time",
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
        """How much one may ask for in this server."""
        await defer(interaction)
        given = (steps, count, pixels, pictures_per_day, jobs_per_person, jobs_per_server)
        numbers = {
            name: number for name, number in zip(LIMITS, given, strict=True) if number is not None
        }
        self._check_limits(numbers)
        values = {name: number or None for name, number in numbers.items()}
        await self._change(interaction, lambda before: before.changed(**values))

    @app_commands.command(name="edit-others")
    @app_commands.describe(allowed="Whether everybody may, or only who asked for the picture")
    async def edit_others(self, interaction: discord.Interaction, allowed: bool) -> None:
        """Whether everybody may edit everybody's pictures in this server."""
        await defer(interaction)
        if allowed and not self._services.settings.limits.edit_others:
            raise UserError(
                "The host of this bot lets people edit only pictures of their own; a server "
                "can only tighten what the host allows."
            )
        value = None if allowed else False
        await self._change(interaction, lambda before: before.changed(edit_others=value))

    @app_commands.command()
    async def reset(self, interaction: discord.Interaction) -> None:
        """Forget all settings of this server: what the host allows is allowed."""
        await defer(interaction)
        await self._change(interaction, lambda _: NO_GUILD, even_if_damaged=True)

    @channels.command(name="add")
    @app_commands.describe(channel="A channel; its threads count as the channel")
    async def add_channel(self, interaction: discord.Interaction, channel: AnyChannel) -> None:
        """Paint here, and in other channels of the list, and nowhere else."""
        await self._add(interaction, "channels", _place_id(channel))

    @channels.command(name="remove")
    @app_commands.describe(channel="A channel of the list")
    async def remove_channel(self, interaction: discord.Interaction, channel: AnyChannel) -> None:
        """Take a channel from the list. Without any, I paint everywhere."""
        await self._remove(interaction, "channels", _place_id(channel))

    @channels.command(name="clear")
    async def clear_channels(self, interaction: discord.Interaction) -> None:
        """Paint in all channels."""
        await self._clear(interaction, "channels")

    @roles.command(name="add")
    @app_commands.describe(role="A role")
    async def add_role(self, interaction: discord.Interaction, role: discord.Role) -> None:
        """Paint for who has this role, or another one of the list, and for nobody else."""
        await self._add(interaction, "roles", role.id)

    @roles.command(name="remove")
    @app_commands.describe(role="A role of the list")
    async def remove_role(self, interaction: discord.Interaction, role: discord.Role) -> None:
        """Take a role from the list. Without any, I paint for everybody."""
        await self._remove(interaction, "roles", role.id)

    @roles.command(name="clear")
    async def clear_roles(self, interaction: discord.Interaction) -> None:
        """Paint for everybody."""
        await self._clear(interaction, "roles")

    @words.command(name="add")
    @app_commands.describe(
        words="Words, with commas between them; * stands for any letters",
        kind="Blocked everywhere, or only outside age-restricted channels",
    )
    async def add_words(
        self, interaction: discord.Interaction, words: str, kind: Kind = "blocked"
    ) -> None:
        """Block words in prompts."""
        await defer(interaction)
        added = _entries(words)

        def change(before: GuildSettings) -> GuildSettings:
            kept = tuple(dict.fromkeys((*getattr(before, _LISTS[kind]), *added)))
            if len(kept) > MAX_WORDS:
                raise UserError(f"That would be {len(kept)} words; a list has at most {MAX_WORDS}.")
            return before.changed(**{_LISTS[kind]: kept})

        await self._change(interaction, change)

    @words.command(name="remove")
    @app_commands.describe(
        words="Words of the list, with commas between them", kind="From which list"
    )
    async def remove_words(
        self, interaction: discord.Interaction, words: str, kind: Kind = "blocked"
    ) -> None:
        """Allow words again."""
        await defer(interaction)
        removed = _entries(words)

        def change(before: GuildSettings) -> GuildSettings:
            listed = getattr(before, _LISTS[kind])
            for each in removed:
                if each not in listed:
                    raise UserError(
                        f"{formatting.spoiler(each)} is not on this list; "
                        "`/settings words list` shows what is."
                    )
            kept = tuple(each for each in listed if each not in removed)
            return before.changed(**{_LISTS[kind]: kept})

        await self._change(interaction, change)

    @words.command(name="list")
    @app_commands.describe(kind="Which list")
    async def list_words(self, interaction: discord.Interaction, kind: Kind = "blocked") -> None:
        """Show the words of this server to you alone."""
        await defer(interaction)
        server = await self._services.store.guild_settings.get(interaction.guild_id)
        listed: Sequence[str] = getattr(server, _LISTS[kind])
        title = f"{kind.capitalize()} words of this server: {len(listed) or 'none'}"
        text = "\n".join((title, ", ".join(map(formatting.escape_prompt, listed))))
        if len(text) <= _LONGEST:
            return await respond(interaction, text)
        file = Attachment("words.txt", "\n".join(listed).encode(), title)
        return await update_response(interaction, title, [file])

    async def _add(self, interaction: discord.Interaction, name: str, number: int) -> None:
        def change(before: GuildSettings) -> GuildSettings:
            kept = tuple(dict.fromkeys((*getattr(before, name), number)))
            if len(kept) > MAX_LISTED:
                raise UserError(f"A list has at most {MAX_LISTED} {name}. Remove one first.")
            return before.changed(**{name: kept})

        await defer(interaction)
        await self._change(interaction, change)

    async def _remove(self, interaction: discord.Interaction, name: str, number: int) -> None:
        def change(before: GuildSettings) -> GuildSettings:
            listed = getattr(before, name)
            if number not in listed:
                raise UserError("That is not on the list; `/settings show` shows what is.")
            return before.changed(**{name: tuple(each for each in listed if each != number)})

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
        """Store a change, and show what holds now."""

        def checked(before: GuildSettings) -> GuildSettings:
            if before.is_fail_closed and not even_if_damaged:
                raise UserError(
                    "The settings of this server are damaged. Begin anew with `/settings reset`."
                )
            return change(before)

        guild_id = interaction.guild_id
        if guild_id is None:
            raise UserError("Only servers have settings.")
        after = await self._services.store.guild_settings.change(guild_id, checked)
        log.info("server settings changed", extra={"server": guild_id, "by": interaction.user.id})
        await respond(interaction, self._described(after))

    def _check_limits(self, numbers: dict[str, int]) -> None:
        """Raise `UserError` unless each number tightens the host's."""
        host = self._services.settings.limits
        if not numbers:
            raise UserError("Say which limit shall be another, such as `steps`.")
        for name, number in numbers.items():
            most = getattr(host, name)
            if number > most:
                raise UserError(
                    f"{_NAMES[name]}: the host of this bot allows at most {most}, and a server "
                    "can only tighten that."
                )
        if 0 < numbers.get("pixels", 0) < MIN_SIDE**2:
            raise UserError(f"{_NAMES['pixels']}: at least {MIN_SIDE**2} are needed.")

    def _described(self, server: GuildSettings) -> str:
        """What holds in a server."""
        host = self._services.settings.limits
        limits = server.merged_with(host)
        lines = ["**What is allowed in this server**"]
        for name in LIMITS:
            number, most = getattr(limits, name), getattr(host, name)
            lines.append(f"{_NAMES[name]}: {number}" + (f" of {most}" if number < most else ""))
        others = "everybody" if limits.edit_others else "only who asked for it"
        where = (
            formatting.join_mentions(server.channels, "<#{}>")
            if server.channels
            else "every channel"
        )
        who = formatting.join_mentions(server.roles, "<@&{}>") if server.roles else "everybody"
        lines += [
            f"Who may edit a picture: {others}",
            f"Where I paint: {where}",
            f"For whom: {who}",
            f"Own words: {len(server.blocked_words)} blocked, "
            f"{len(server.age_restricted_words)} for age-restricted channels only",
        ]
        if server.unreadable:
            lines.append(
                f"Damaged: {', '.join(server.unreadable)}. "
                + ("I paint nothing until you `/settings reset`." if server.is_fail_closed else "")
            )
        return "\n".join(lines)


def _place_id(channel: AnyChannel) -> int:
    return channel.parent_id if isinstance(channel, discord.Thread) else channel.id


def _entries(words: str) -> tuple[str, ...]:
    """Entries of a list, as they were typed with commas between them."""
    try:
        return tuple(check_entry(each) for each in words.split(",") if each.strip())
    except ValueError as error:
        raise UserError(errors.sentence(str(error))) from error


async def setup(bot: PaintingBot) -> None:
    """Called by discord.py when the cog is loaded."""
    await bot.add_cog(ServerSettingsCog(bot))
