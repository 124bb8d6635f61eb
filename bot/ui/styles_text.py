"""Text about saved styles, and the choices that Discord offers of them."""

from collections.abc import Iterable, Sequence

from discord.app_commands import Choice

from bot.languages.message import Message, joined
from bot.saved_style import MAX_STYLES, SavedStyle
from bot.ui import formatting

_CHOICE = 100
"""Maximum length of a choice, in characters."""


def style_choices(typed: str, styles: Iterable[SavedStyle]) -> list[Choice[str]]:
    """Return the saved styles whose name or words contain what was typed, as choices."""
    found = (each for each in styles if _matches(each, typed))
    return [Choice(name=_choice(each), value=each.name) for each in found]


def saved_text(style: SavedStyle) -> Message:
    """Return that a style was saved, and how to use it."""
    return Message(
        "Saved. {style}\nUse it with the option `style` of `/imagine`.", style=_described(style)
    )


def styles_text(styles: Sequence[SavedStyle]) -> Message:
    """Return a person's styles, one on each line."""
    if not styles:
        return Message("You have no saved styles. `/style save` saves one.")
    heading = Message("**Your styles** ({count} of {most})", count=len(styles), most=MAX_STYLES)
    return joined("\n", (heading, *(f"- {_described(each)}" for each in styles)))


def styles_file(styles: Sequence[SavedStyle]) -> bytes:
    """Return a person's styles as a text file."""
    return "\n".join(f"{each.name}: {each.words}" for each in styles).encode()


def _described(style: SavedStyle) -> str:
    return f"**{formatting.escape_name(style.name)}**: {formatting.escape_prompt(style.words)}"


def _choice(style: SavedStyle) -> str:
    return formatting.one_line(f"{style.name} · {style.words}", _CHOICE)


def _matches(style: SavedStyle, typed: str) -> bool:
    return typed.casefold() in f"{style.name} {style.words}".casefold()
