"""The question about words that the models do not know, and its buttons."""

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import discord
from discord import ui

from bot.errors import UnknownWordsError
from bot.languages.catalogue import Language
from bot.languages.message import Message, Sentence, from_engine, joined
from bot.ui.buttons import button_view
from bot.ui.formatting import escape_name, escape_prompt, one_line
from engine.models.model_entry import ModelEntry
from engine.models.painter_entry import PainterEntry

CUSTOM_ID = re.compile(r"question:(?P<question>[\w-]{1,40}):(?P<answer>[a-z]{1,10})")
"""The custom id of a button: the question, and the answer that the button gives."""
_MOST_NAMED = 5
"""Maximum number of words that are named."""
_LABEL = 80
"""Maximum length of a label, in characters; set by Discord."""


class Answer(StrEnum):
    """What a person wants to have painted."""

    NEAREST = "nearest"
    """The nearest prompt that the models know."""
    ANYWAY = "anyway"
    """What they asked for."""


def question_text(models: ModelEntry | PainterEntry, words: Sequence[str], nearest: str) -> Message:
    """Return the question about a prompt with unknown words; `nearest` is what else to paint."""
    question = Message(
        "A picture of this prompt would show something else, so I have not painted it yet. This "
        "one is near to it, and the models know it: **{nearest}**\nWhat shall I paint?",
        nearest=escape_prompt(nearest),
    )
    return joined(" ", (unknown_words_text(models, words), question))


def model_limits_text(models: ModelEntry | PainterEntry) -> Message | None:
    """Return what models know, if that is known."""
    return None if models.limits is None else Sentence(from_engine(models.limits))


def unknown_words_text(models: ModelEntry | PainterEntry, words: Sequence[str]) -> Message:
    """Return what models know, and which words they do not know."""
    named = ", ".join(escape_name(each) for each in words[:_MOST_NAMED])
    if len(words) > _MOST_NAMED:
        named += ", …"
    unknown = Message.counted(
        "They do not know this word: {words}.",
        "They do not know these words: {words}.",
        len(words),
        words=named,
    )
    return joined(" ", (model_limits_text(models), unknown))


def doubtful_mask_text(models: ModelEntry, words: Sequence[str]) -> Message:
    """Return a notice beside a mask that was looked for with unknown words."""
    doubt = Message("So the mask may be of something else.")
    return joined(" ", (unknown_words_text(models, words), doubt))


def question_view(error: UnknownWordsError, language: Language) -> ui.View:
    """Return the buttons that answer a question."""
    return button_view(
        (
            ui.Button[Any](
                label=one_line(error.nearest, _LABEL),
                style=discord.ButtonStyle.primary,
                custom_id=f"question:{error.question_id}:{Answer.NEAREST}",
            ),
            ui.Button[Any](
                label=Message.in_context("button", "Paint it anyway").in_language(language),
                style=discord.ButtonStyle.secondary,
                custom_id=f"question:{error.question_id}:{Answer.ANYWAY}",
            ),
        )
    )
