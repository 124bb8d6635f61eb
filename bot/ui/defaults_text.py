"""Text about the defaults of `/imagine`."""

from collections.abc import Mapping

from bot.preferences import ImagineDefaults, Notify, Preferences
from bot.ui.formatting import escape_prompt

NOTIFY: Mapping[Notify, str] = {
    "ping": "When a picture is done, I mention you beside it.",
    "dm": "When a picture is done, I send you a direct message.",
    "none": "When a picture is done, I don't tell you.",
}
_ORDER = (
    "-# What you type in a command comes first, then your own defaults, then the channel's. "
    "`none` as a style, or as what to leave out, stands for nothing."
)


def options_text(options: Mapping[str, object]) -> str:
    """Return options of `/imagine` with their values, in one line."""
    return " · ".join(f"`{name}` {escape_prompt(str(value))}" for name, value in options.items())


def own_text(preferences: Preferences) -> str:
    """Return what a person chose."""
    return f"{own_line(preferences)}\n{NOTIFY[preferences.notify]}"


def own_line(preferences: Preferences) -> str:
    """Return the defaults that a person chose, in one line."""
    return f"**Your defaults** {options_text(preferences.options) or 'none'}"


def channel_text(defaults: ImagineDefaults) -> str:
    """Return the defaults of a channel."""
    return f"**This channel's defaults** {options_text(defaults.options) or 'none'}"


def all_text(preferences: Preferences, channel: ImagineDefaults | None) -> str:
    """Return a person's defaults, and those of a channel unless it is None."""
    here = [] if channel is None else [channel_text(channel)]
    return "\n".join((own_text(preferences), *here, _ORDER))
