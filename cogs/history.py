"""`/history`: a person's pictures page by page, with buttons to post or rerun them."""

import asyncio
from collections.abc import Mapping
from typing import Any

import discord
from discord import app_commands, ui
from discord.app_commands import Range

from bot.client import BotCog
from bot.delivery.held_back import Allowed
from bot.errors import UserError
from bot.jobs.history import MAX_SEARCH, Entry, PageDirection, Scope
from bot.languages.catalogue import Language
from bot.languages.message import Message, joined
from bot.picture_check import Audience
from bot.services import Services
from bot.submission.private_answers import answer_queued
from bot.submission.requester import Requester
from bot.submission.sources import allowed_here
from bot.submission.submit import Queued
from bot.ui import buttons, history_page
from bot.ui.base import PersistentButton
from bot.ui.reader_language import private_language
from bot.ui.responses import defer, respond, update_response

_LONGEST_NUMBER = 19
"""Maximum number of digits of an id."""
_MAX_CUSTOM_ID = 100
"""Maximum length of a custom id in UTF-16 units, in which Discord counts."""
_NOT_YOURS = Message("Only moderators can look through someone else's pictures.")
_GONE = Message("That picture isn't there any more. Please open `/history` again.")


_BUTTONS: Mapping[str, tuple[str, Message]] = {
    PageDirection.NEWER.value: ("◀️", Message.in_context("button", "Newer")),
    PageDirection.OLDER.value: ("▶️", Message.in_context("button", "Older")),
    "post": ("📌", Message.in_context("button", "Post again")),
    "rerun": ("🔁", Message.in_context("button", "Rerun")),
}
"""Emojis and labels of the buttons under a page, by the action in their custom ids."""


class HistoryButton(
    PersistentButton,
    template=r"history:(?P<action>[^:]*):(?P<person>[^:]*):(?P<job>[^:]*):(?P<search>(?s:.*))",
):
    """Does something with a page; the custom id says what, and with which page of what."""

    async def press(self, interaction: discord.Interaction[Any]) -> None:
        """Turn the page, or post or rerun its picture."""
        services: Services = interaction.client.services
        await defer(interaction, in_place=True)
        person, job_id = _number(self.match["person"]), _number(self.match["job"])
        scope = _scope(interaction, person, self.match["search"])
        match self.match["action"]:
            case PageDirection.NEWER | PageDirection.OLDER as turn:
                await _turn(services, interaction, scope, PageDirection(turn), job_id)
            case "post":
                entry = await _entry(services, scope, job_id)
                requester = Requester.of_interaction(interaction, "history")
                message = await services.reposts.post(requester, interaction.guild, entry.job_id)
                await respond(interaction, Message("Posted: {url}", url=message.jump_url))
            case "rerun":
                entry = await _entry(services, scope, job_id)
                record = await services.control.job(entry.job_id)
                requester = Requester.of_interaction(interaction, "history")
                message = await services.followups.rerun(requester, record)
                await answer_queued(interaction, Queued(message))
            case _:
                raise UserError(buttons.UNKNOWN)


class History(BotCog):
    """Look through pictures."""

    BUTTON = HistoryButton

    @app_commands.command()
    @app_commands.describe(
        search="Words in the prompt", person="Whose pictures. Moderators can choose other people"
    )
    async def history(
        self,
        interaction: discord.Interaction,
        search: Range[str, 1, MAX_SEARCH] | None = None,
        person: discord.User | None = None,
    ) -> None:
        """Look through your pictures, and post or rerun them."""
        await defer(interaction)
        words = " ".join((search or "").split())
        scope = _scope(interaction, (person or interaction.user).id, words)
        await _turn(self._services, interaction, scope)


def _scope(interaction: discord.Interaction[Any], person: int, search: str) -> Scope:
    """Return what a person may look at; raise `UserError` if that is nothing."""
    if len(f"history:older:{2**63}:{2**63}:{search}".encode("utf-16-le")) // 2 > _MAX_CUSTOM_ID:
        raise UserError(Message("That search is too long. Search for fewer words."))
    if person == interaction.user.id:
        return Scope(person, interaction.guild_id, search=search)
    guild, viewer = interaction.guild, interaction.user
    if guild is None or not isinstance(viewer, discord.Member):
        raise UserError(_NOT_YOURS)
    if not interaction.permissions.manage_messages:
        raise UserError(_NOT_YOURS)
    return Scope(person, guild.id, _moderated_channels(guild, viewer), search)


def _moderated_channels(guild: discord.Guild, moderator: discord.Member) -> frozenset[int]:
    """Return the channels, and their public threads, where a person is a moderator."""
    channels = {
        channel.id
        for channel in guild.channels
        if (may := channel.permissions_for(moderator)).view_channel and may.manage_messages
    }
    threads = {
        thread.id
        for thread in guild.threads
        if thread.parent_id in channels and not thread.is_private()
    }
    return frozenset(channels | threads)


async def _entry(services: Services, scope: Scope, job_id: int) -> Entry:
    entry = await services.store.history.page(scope, PageDirection.HERE, job_id)
    if entry is None:
        raise UserError(_GONE)
    return entry


async def _turn(
    services: Services,
    interaction: discord.Interaction[Any],
    scope: Scope,
    direction: PageDirection = PageDirection.HERE,
    job_id: int | None = None,
) -> None:
    """Show a page in the response, or the newest one if that was deleted."""
    find = services.store.history.page
    entry = await find(scope, direction, job_id) or await find(scope, PageDirection.HERE, None)
    if entry is None:
        raise UserError(_nothing(interaction, scope))
    allowed = await _allowed(services, interaction, entry)
    language = private_language(interaction)
    sheet = await asyncio.to_thread(history_page.page_sheet, entry, allowed.pictures, language)
    disabled = {
        PageDirection.NEWER.value: entry.place == 1,
        PageDirection.OLDER.value: entry.place == entry.total,
        "post": not allowed.pictures,
        "rerun": not entry.can_rerun,
    }
    view = buttons.button_view(
        _button(action, scope, entry, language, disabled=disabled[action]) for action in _BUTTONS
    )
    page = history_page.page_text(entry, scope, interaction.user.id)
    text = joined("\n", (page, allowed.held_back_text(interaction.guild_id)))
    await update_response(interaction, text, [] if sheet is None else [sheet], view)


async def _allowed(
    services: Services, interaction: discord.Interaction[Any], entry: Entry
) -> Allowed:
    """Return the pictures of a page that may be shown where the page is."""
    record = await services.store.jobs.get(entry.job_id)
    if record is None:
        return Allowed()
    pictures = await services.store.lifecycle.pictures(entry.job_id)
    audience = Audience(interaction.guild_id, interaction.channel)
    return await allowed_here(services.picture_check, audience, record.job, pictures)


def _button(
    action: str, scope: Scope, entry: Entry, language: Language, *, disabled: bool
) -> ui.Button[Any]:
    emoji, text = _BUTTONS[action]
    label = text.in_language(language)
    custom_id = f"history:{action}:{scope.author_id}:{entry.job_id}:{scope.search}"
    return ui.Button(label=label, emoji=emoji, custom_id=custom_id, disabled=disabled)


def _nothing(interaction: discord.Interaction[Any], scope: Scope) -> Message:
    is_in_server, is_own = scope.guild_id is not None, scope.author_id == interaction.user.id
    if scope.search and is_in_server:
        return Message("There's no picture in this server with these words in its prompt.")
    if scope.search:
        return Message("There's no picture with these words in its prompt.")
    if not is_own:  # only moderators of a server can ask for them
        return Message("There's no picture by this person in this server that you can look at.")
    if is_in_server:
        return Message("You have no pictures in this server yet. `/imagine` paints one.")
    return Message("You have no pictures yet. `/imagine` paints one.")


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= _LONGEST_NUMBER):
        raise UserError(_GONE)
    return min(int(text), 2**63 - 1)
