"""`/privacy`: what the bot stores about a person; export it, delete it, or have it shown."""

import asyncio
import logging
from typing import Any

import discord
from discord import app_commands, ui
from discord.ext import commands
from sqlalchemy.exc import DBAPIError

from bot.client import BotCog
from bot.errors import UserError
from bot.gallery.text import gallery_text, is_shown
from bot.jobs.gallery import GalleryAudience
from bot.languages.message import Message
from bot.privacy.export import send_everything
from bot.privacy.text import erasure_text, privacy_text
from bot.services import Services
from bot.ui import buttons
from bot.ui.base import PersistentButton
from bot.ui.reader_language import private_language
from bot.ui.responses import defer, respond, respond_in_parts, update_response

log = logging.getLogger(__name__)

ANSWER_SECONDS = 600.0
"""Seconds to wait for the end of a deletion; Discord accepts responses for 15 minutes."""
_SURE = Message(
    "This deletes all your jobs, also queued and running ones, your pictures, your drafts, "
    "your preferences and saved styles, and my messages about your pictures on Discord, in every "
    "server. It can't be undone. If you want a copy, use `/privacy export` first."
)


class PrivacyButton(PersistentButton, template=r"privacy:(?P<action>(?s:.*))"):
    """Deletes the data of the person who presses it, or doesn't."""

    async def press(self, interaction: discord.Interaction[Any]) -> None:
        """Delete the data, or keep it."""
        await defer(interaction, in_place=True)
        match self.match["action"]:
            case "delete":
                await _delete(interaction.client.services, interaction)
            case "keep":
                await update_response(interaction, Message("Nothing was deleted."))
            case "gallery-host" | "gallery-everyone" as agreed:
                audience = GalleryAudience(agreed.removeprefix("gallery-"))
                await interaction.client.services.gallery.agree(interaction.user.id, audience)
                await _show_gallery(interaction.client.services, interaction)
            case "gallery-withdraw":
                await interaction.client.services.gallery.withdraw(interaction.user.id)
                await _show_gallery(interaction.client.services, interaction)
            case _:
                raise UserError(buttons.UNKNOWN)


class Privacy(BotCog, commands.GroupCog, name="privacy"):
    """Data that the bot stores about you."""

    BUTTON = PrivacyButton

    @app_commands.command()
    async def about(self, interaction: discord.Interaction) -> None:
        """Show what I store about you, and for how long."""
        await respond_in_parts(interaction, privacy_text(self._services.settings))

    @app_commands.command()
    async def export(self, interaction: discord.Interaction) -> None:
        """Get everything that I store about you, as files in a direct message."""
        await defer(interaction)
        with self._services.erasure.exporting(interaction.user.id):
            sent = await send_everything(
                self._services.store,
                interaction.user,
                self._services.timings.export_pause,
                private_language(interaction),
            )
        if sent == 0:
            raise UserError(Message("I store nothing about you."))
        text = Message.counted(
            "I sent you a direct message with {count} file: everything that I store about you.",
            "I sent you a direct message with {count} files: everything that I store about you.",
            sent,
        )
        await respond(interaction, text)

    @app_commands.command()
    async def gallery(self, interaction: discord.Interaction) -> None:
        """Choose whether your pictures are shown in my gallery, and see who can look at it."""
        await defer(interaction)
        await _show_gallery(self._services, interaction)

    @app_commands.command()
    async def delete(self, interaction: discord.Interaction) -> None:
        """Delete everything that I store about you."""
        await defer(interaction)
        language = private_language(interaction)
        delete = ui.Button[Any](
            label=Message.in_context("button", "Delete everything").in_language(language),
            style=discord.ButtonStyle.danger,
            custom_id="privacy:delete",
        )
        keep = ui.Button[Any](
            label=Message.in_context("button", "Keep it").in_language(language),
            custom_id="privacy:keep",
        )
        view = buttons.button_view((delete, keep))
        await update_response(interaction, _SURE, view=view)


async def _show_gallery(services: Services, interaction: discord.Interaction[Any]) -> None:
    """Show what a person agreed to, with a button that changes it."""
    audience, language = services.gallery.audience, private_language(interaction)
    agreed_to = await services.gallery.agreed_to(interaction.user.id)
    found: list[ui.Button[Any]] = []
    if audience is not None and not is_shown(audience, agreed_to):
        label = Message.in_context("button", "Show my pictures").in_language(language)
        custom_id = f"privacy:gallery-{audience}"  # what the text says is what is agreed to
        found.append(ui.Button(label=label, style=discord.ButtonStyle.success, custom_id=custom_id))
    if agreed_to is not None:
        label = Message.in_context("button", "Withdraw").in_language(language)
        found.append(ui.Button(label=label, custom_id="privacy:gallery-withdraw"))
    text, view = gallery_text(audience, agreed_to), buttons.button_view(found) if found else None
    await update_response(interaction, text, view=view)


async def _delete(services: Services, interaction: discord.Interaction[Any]) -> None:
    """Start a deletion, and wait for its end while Discord accepts a response."""
    services.questions.forget_user(interaction.user.id)
    try:
        done = await services.erasure.request(interaction.user.id, interaction.locale.value)
    except DBAPIError as error:
        log.error("a deletion could not be stored", extra={"cause": str(error.orig)})
        raise UserError(
            Message(
                "I can't store anything at the moment, so nothing was deleted. Please try again "
                "later."
            )
        ) from error
    services.gallery.forget()
    if services.erasure.is_completed_here:
        await update_response(interaction, Message("Deleting everything. This may take a while."))
        await asyncio.wait((done,), timeout=ANSWER_SECONDS)
        if done.done():
            await update_response(interaction, erasure_text(done.result()))
            return
    services.erasure.notify_by_dm(interaction.user.id)
    await update_response(
        interaction,
        Message("Deleting everything. I'll send you a direct message when it's done."),
    )
