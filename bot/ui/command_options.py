"""Descriptions of the options of commands that depend on the models which paint."""

import dataclasses
from typing import Any

from discord import app_commands

from bot.ui.formatting import truncate
from engine.models.catalogue import ModelEntry

_MAX_DESCRIPTION = 100
"""Maximum length of an option's description, in characters; set by Discord."""


def describe_words(command: app_commands.Command[Any, ..., Any], models: ModelEntry) -> None:
    """Describe a command's words by examples that its models know.

    discord.py takes descriptions only from decorators, before the settings are read.
    """
    example, style = models.examples[0], models.styles[0]
    descriptions = {
        "prompt": f"What the picture should show, such as: {example}",
        "style": f"A style, such as: {style}",
    }
    parameters = command._params  # pyright: ignore[reportPrivateUsage]
    for name in parameters.keys() & descriptions.keys():
        text = truncate(descriptions[name], _MAX_DESCRIPTION)
        parameters[name] = dataclasses.replace(parameters[name], description=text)
