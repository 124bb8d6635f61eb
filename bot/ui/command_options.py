"""Descriptions of the options of commands that depend on the models which paint."""

import dataclasses
from typing import Any

from discord import app_commands

from bot.command_translator import with_values
from engine.images.tiling import TILES
from engine.models.model_entry import ModelEntry

TILE_CHOICES = [app_commands.Choice(name=name, value=name) for name in TILES if name != "none"]
"""What the option `tile` offers; who leaves it out gets a picture with edges."""
TILE = "Lets the picture continue across its own edges: x sideways, y up and down"
"""The description of this option."""


def hide_option(command: app_commands.Command[Any, ..., Any], name: str) -> None:
    """Leave out an option of a command, which then has its default; before commands are synced."""
    parameters = command._params  # pyright: ignore[reportPrivateUsage]
    parameters.pop(name, None)


def describe_words(command: app_commands.Command[Any, ..., Any], models: ModelEntry) -> None:
    """Describe a command's words by examples that its models know.

    discord.py takes descriptions only from decorators, before the settings are read.
    """
    example, style = models.examples[0], models.styles[0]
    descriptions = {
        "prompt": with_values("What the picture should show, such as: {example}", example=example),
        "style": with_values("A style, such as: {style}", style=style),
    }
    parameters = command._params  # pyright: ignore[reportPrivateUsage]
    for name in parameters.keys() & descriptions.keys():
        text = descriptions[name]
        parameters[name] = dataclasses.replace(parameters[name], description=text)
