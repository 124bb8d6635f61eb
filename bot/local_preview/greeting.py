"""What the bot is called on the local page, and how it greets people there."""

from collections.abc import Sequence

from bot.ui.unknown_words import model_limits_text
from engine.models.model_entry import ModelEntry

NAME = "VQGAN-CLIP"
"""The name of the bot; simcord would call it TestBot."""
_SHOWN = 3
"""Number of commands that the greeting offers."""
_MOST_OTHERS = 6
"""Maximum number of other models that the greeting names."""
_GREETING = """\
**Welcome! I paint what you describe.** Click one of these, or type it, and press Enter:
{commands}{others}
Then press the buttons under your picture, or reply to it with what should be different. \
`/help` shows what else I can do.
-# This page is a Discord in memory: it is empty again at the next start. With *Viewing as* you \
become another person. The page has no threads, no menus on messages, and no new reactions: I \
answer in this channel, and for every menu there is a command."""


def commands(models: ModelEntry) -> list[str]:
    """Return commands that are worth trying with the models."""
    return [f"/imagine {prompt}" for prompt in models.examples[:_SHOWN]]


def greeting(models: ModelEntry, others: Sequence[ModelEntry] = ()) -> str:
    """Return the bot's first message in the channel; `others` can be chosen too."""
    lines = "\n".join(f"`{command}`" for command in commands(models))
    text = _GREETING.format(commands=lines, others="".join(map(_other, others[:_MOST_OTHERS])))
    return f"{text}\n-# {model_limits_text(models)!s}" if models.limits else text


def _other(models: ModelEntry) -> str:
    """Return a line with a command for other models, and what they are."""
    return f"\n`{commands(models)[0]} model: {models.name}`: {models.description}"
