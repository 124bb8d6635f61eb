"""`/describe`: words for a picture, as prompts with a button for each that paints it."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import discord
from discord import app_commands, ui

from bot.client import BotCog
from bot.errors import UserError
from bot.languages.message import Message, joined
from bot.services import Services
from bot.submission.imagine_options import ImagineOptions
from bot.submission.private_answers import answer_queued
from bot.submission.requester import PAINTING, Requester
from bot.ui import buttons
from bot.ui.base import PersistentButton
from bot.ui.buttons import button_view
from bot.ui.responses import defer, update_response
from bot.ui.uploads import Upload

_LINE = re.compile(r"^\*\*(\d)\*\* (.+)$", re.MULTILINE)
"""A prompt in the answer, with its number."""


class DescriptionButton(PersistentButton, template=r"describe:(?P<number>[1-9])"):
    """Paints a prompt of the message that it belongs to; the custom id says which."""

    async def press(self, interaction: discord.Interaction[Any]) -> None:
        """Queue a picture."""
        await defer(interaction, in_place=True)
        services: Services = interaction.client.services
        content = interaction.message.content if interaction.message else ""
        prompts: dict[str, str] = dict(_LINE.findall(content))
        prompt = prompts.get(self.match["number"])
        if prompt is None:
            raise UserError(buttons.UNKNOWN)
        # Who may not use /imagine here gets nothing painted from here either.
        requester = replace(Requester.of_interaction(interaction), commands=(PAINTING,))
        queued = await services.paintings.queue(requester, ImagineOptions(prompt=prompt))
        await answer_queued(interaction, queued)


class Describe(BotCog):
    """Find words for pictures."""

    BUTTON = DescriptionButton

    @app_commands.command()
    @app_commands.describe(image="The picture to describe")
    async def describe(self, interaction: discord.Interaction, image: discord.Attachment) -> None:
        """Say what is in a picture, as prompts that you can have painted."""
        await defer(interaction)
        requester = Requester.of_interaction(interaction)
        prompts = await self._services.descriptions.describe(requester, Upload(image))
        head = Message("What I see in it. Press a number to have that painted.")
        lines = (f"**{number}** {words}" for number, words in enumerate(prompts, 1))
        await update_response(interaction, joined("\n", (head, *lines)), view=_view(prompts))


def _view(prompts: Sequence[str]) -> ui.View:
    return button_view(
        ui.Button(label=str(number), emoji="🖌️", custom_id=f"describe:{number}")
        for number in range(1, len(prompts) + 1)
    )
