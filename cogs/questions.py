"""Buttons under a question about words that the models do not know: what to paint instead."""

from typing import Any

import discord

from bot.client import BotCog
from bot.errors import UserError
from bot.services import Services
from bot.submission.private_answers import answer_queued
from bot.submission.requester import Requester
from bot.submission.submit import Queued
from bot.ui import buttons
from bot.ui.base import PersistentButton
from bot.ui.responses import defer
from bot.ui.unknown_words import CUSTOM_ID, Answer


class QuestionButton(PersistentButton, template=r"(?s:question:.*)"):
    """Answers a question. The template takes ids that mean nothing, to answer those too."""

    async def press(self, interaction: discord.Interaction[Any]) -> None:
        """Queue what the button says."""
        found = CUSTOM_ID.fullmatch(self.custom_id)
        if found is None or found["answer"] not in frozenset(Answer):
            raise UserError(buttons.UNKNOWN)
        await defer(interaction, in_place=True)
        services: Services = interaction.client.services
        requester = Requester.of_interaction(interaction)
        message = await services.answers.queue(
            requester, found["question"], nearest=found["answer"] == Answer.NEAREST
        )
        await answer_queued(interaction, Queued(message), in_place=True)


class QuestionsCog(BotCog):
    """Answer the buttons under questions."""

    BUTTON = QuestionButton
