"""`/recipe`, and the menu *Show recipe*: show how a picture was made, and paint another like it.

The picture's file holds the recipe, so it works in every server and for pictures that the bot has
deleted. The response holds the recipe as a file, from which its button paints. A recipe whose
pictures were left out is shown, but has no button.
"""

import asyncio
from functools import partial
from typing import Any

import discord
from discord import app_commands, ui

from bot.client import BotCog
from bot.errors import UserError, message_of
from bot.languages.catalogue import Language
from bot.languages.message import Message
from bot.services import Services
from bot.submission.job_messages import message_with_pictures
from bot.submission.private_answers import answer_queued
from bot.submission.recipes import FILENAME, recipe_file
from bot.submission.requester import Requester
from bot.ui.base import PersistentButton
from bot.ui.buttons import button_view
from bot.ui.filenames import plain_name
from bot.ui.formatting import with_small_print
from bot.ui.forms import PictureForm
from bot.ui.reader_language import private_language
from bot.ui.recipe_text import provenance_text
from bot.ui.responses import defer, respond, show_form, update_response
from bot.ui.uploads import Upload, is_spoiler, pictures_in, recipe_beside
from engine.errors import EngineError

MENU = "Show recipe"


class AgainButton(PersistentButton, template=r"recipe:again"):
    """Paints the recipe that the same message holds, with another seed."""

    async def press(self, interaction: discord.Interaction[Any]) -> None:
        """Queue the recipe."""
        await defer(interaction, in_place=True)
        services: Services = interaction.client.services
        files = interaction.message.attachments if interaction.message else []
        file = next((each for each in files if plain_name(each.filename) == FILENAME), None)
        if file is None:
            raise UserError(Message("The recipe isn't there any more. Please run `/recipe` again."))
        requester = Requester.of_interaction(interaction)
        queued = await services.recipe_reruns.queue(
            requester, Upload(file), spoiler=is_spoiler(file)
        )
        await answer_queued(interaction, queued)


class Recipes(BotCog):
    """Show how pictures were made."""

    MENU = MENU
    BUTTON = AgainButton

    @app_commands.command()
    @app_commands.describe(image="A PNG that I painted, or a recipe as a JSON file")
    async def recipe(self, interaction: discord.Interaction, image: discord.Attachment) -> None:
        """Show how a picture was made."""
        await defer(interaction)
        await _show_recipe(self._services, interaction, Upload(image), spoiler=is_spoiler(image))

    async def open_menu(self, interaction: discord.Interaction, message: discord.Message) -> None:
        """Show how a message's picture was made, after asking which if there are several."""
        message = await message_with_pictures(self._bot, self._services.store, message)
        pictures = pictures_in(message)
        if not pictures:
            raise UserError(Message("That message has no picture."))
        if len(pictures) > 1:
            await show_form(
                interaction, _WhichForm(self._services, message, private_language(interaction))
            )
            return
        await _show_posted_recipe(self._services, interaction, message, pictures[0])


class _WhichForm(PictureForm):
    """Asks which of several pictures is meant."""

    def __init__(self, services: Services, message: discord.Message, language: Language) -> None:
        super().__init__(Message.in_context("form", "Show recipe"), message, language)
        self._services = services
        self.ask_which()

    async def on_submit(self, interaction: discord.Interaction, /) -> None:
        """Show how that picture was made."""
        await _show_posted_recipe(self._services, interaction, self.message, self.picture)


async def _show_posted_recipe(
    services: Services,
    interaction: discord.Interaction,
    message: discord.Message,
    picture: discord.Attachment,
) -> None:
    """Show the recipe of a message's picture."""
    await defer(interaction)
    file = recipe_beside(message, picture)
    await _show_recipe(services, interaction, Upload(file, message), spoiler=is_spoiler(picture))


async def _show_recipe(
    services: Services, interaction: discord.Interaction, upload: Upload, *, spoiler: bool
) -> None:
    """Show the recipe in a file, with a button if it can be painted here.

    The name of the file that is shown says whether what the button paints is a spoiler.
    """
    requester = Requester.of_interaction(interaction)
    origin = await services.recipe_reruns.read(requester, upload)
    text = provenance_text(origin)
    language = private_language(interaction)
    file = await asyncio.to_thread(partial(recipe_file, origin.recipe, language, spoiler=spoiler))
    if len(file.content) > interaction.filesize_limit:
        too_large = Message("The recipe is too large for a file here.")
        await respond(interaction, with_small_print(text, too_large))
        return
    view = None
    try:
        services.recipe_reruns.check(origin.recipe)
    except (UserError, EngineError) as error:
        text = with_small_print(text, message_of(error))
    else:
        again = Message.in_context("button", "Paint it again")
        button = ui.Button[Any](label=again.in_language(language), custom_id="recipe:again")
        view = button_view((button,))
    await update_response(interaction, text, (file,), view)
