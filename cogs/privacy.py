"""`/privacy`: what is kept of a person, all of it as files, and removing it."""

import asyncio
import logging
from typing import Any

import discord
from discord import app_commands, ui
from discord.ext import commands
from sqlalchemy.exc import DBAPIError

from bot.client import PaintingBot
from bot.errors import UserError
from bot.privacy.export import send_everything
from bot.privacy.text import erasure_text, privacy_text
from bot.services import Services
from bot.ui import buttons, formatting
from bot.ui.base import PersistentButton
from bot.ui.responses import defer, respond, update_response

log = logging.getLogger(__name__)

ANSWER_SECONDS = 600.0
"""How long the answer to a command waits for the end of a deletion; it lives a little longer."""
_SURE = (
    "This removes all your jobs, also those that are waiting or running, your pictures, your "
    "drafts and my messages about them on Discord, in every server. It cannot be undone: `/privacy "
    "export` sends you everything first."
)


class Privacy(commands.GroupCog, name="privacy"):
    """What the bot keeps of you."""

    def __init__(self, bot: PaintingBot) -> None:
        self._bot = bot
        self._services = bot.services

    async def cog_load(self) -> None:
        """Add the buttons, which discord.py does not find by itself."""
        self._bot.add_dynamic_items(PrivacyButton)

    async def cog_unload(self) -> None:
        """Take them away again."""
        self._bot.remove_dynamic_items(PrivacyButton)

    @app_commands.command()
    async def about(self, interaction: discord.Interaction) -> None:
        """What I keep of you, and for how long."""
        await respond(interaction, privacy_text(self._services.settings.storage))

    @app_commands.command()
    async def export(self, interaction: discord.Interaction) -> None:
        """Everything that I keep of you, as files in a direct message."""
        await defer(interaction)
        with self._services.erasure.exporting(interaction.user.id):
            await _export(self._services, interaction)

    @app_commands.command()
    async def delete(self, interaction: discord.Interaction) -> None:
        """Remove everything that I keep of you."""
        await defer(interaction)
        delete = ui.Button[Any](
            label="Delete everything",
            style=discord.ButtonStyle.danger,
            custom_id="privacy:delete",
        )
        keep = ui.Button[Any](label="Keep it", custom_id="privacy:keep")
        view = buttons.button_view((delete, keep))
        await update_response(interaction, _SURE, view=view)


class PrivacyButton(PersistentButton, template=r"privacy:(?P<action>(?s:.*))"):
    """Deletes the data of the person who presses it, or doesn't."""

    async def press(self, interaction: discord.Interaction[Any]) -> None:
        """Do it."""
        await defer(interaction, in_place=True)
        match self.match["action"]:
            case "delete":
                await _delete(interaction.client.services, interaction)
            case "keep":
                await update_response(interaction, "Nothing was removed.")
            case _:
                raise UserError(buttons.UNKNOWN)


async def _delete(services: Services, interaction: discord.Interaction[Any]) -> None:
    """Begin to delete, and wait for the end for as long as the answer lives."""
    try:
        done = await services.erasure.request(interaction.user.id)
    except DBAPIError as error:
        log.error("a wish could not be stored", extra={"cause": str(error.orig)})
        raise UserError(
            "I cannot store anything at the moment, so nothing was removed. Try again later."
        ) from error
    await update_response(interaction, "Removing everything. This may take a while.")
    await asyncio.wait((done,), timeout=ANSWER_SECONDS)
    if done.done():
        await update_response(interaction, erasure_text(done.result()))
        return
    services.erasure.notify_by_dm(interaction.user.id)
    await update_response(
        interaction, "Removing everything. I send you a direct message at the end."
    )


async def _export(services: Services, interaction: discord.Interaction[Any]) -> None:
    sent = await send_everything(services.store, interaction.user)
    if sent == 0:
        raise UserError("I keep nothing of you.")
    files = formatting.plural(sent, "file")
    await respond(
        interaction, f"Sent by direct message, in {files}: everything that I keep of you."
    )


async def setup(bot: PaintingBot) -> None:
    """Called by discord.py when the cog is loaded."""
    await bot.add_cog(Privacy(bot))
