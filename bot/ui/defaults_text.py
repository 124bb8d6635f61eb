"""Text about the defaults of `/imagine`."""

from collections.abc import Mapping

from bot.languages.message import Message, joined
from bot.preferences import ImagineDefaults, Notify, Preferences
from bot.ui.formatting import escape_prompt

_NOTIFY: Mapping[Notify, Message] = {
    "ping": Message("When a picture is done, I mention you beside it."),
    "dm": Message("When a picture is done, I send you a direct message."),
    "none": Message("When a picture is done, I don't tell you."),
}
_ORDER = Message(
    "-# What you type in a command comes first, then your own defaults, then the channel's. "
    "`none` as a style, or as what to leave out, stands for nothing."
)


def options_text(options: Mapping[str, object]) -> str:
    """Return options of `/imagine` with their values, in one line."""
    return " · ".join(f"`{name}` {escape_prompt(str(value))}" for name, value in options.items())


def own_text(preferences: Preferences) -> Message:
    """Return what a person chose."""
    return joined("\n", (_own_line(preferences), _NOTIFY[preferences.notify]))


def channel_text(defaults: ImagineDefaults) -> Message:
    """Return the defaults of a channel."""
    if not defaults.options:
        return Message("**This channel's defaults** none")
    return Message("**This channel's defaults** {options}", options=options_text(defaults.options))


def all_text(preferences: Preferences, channel: ImagineDefaults | None) -> Message:
    """Return a person's defaults, and those of a channel unless it is None."""
    here = None if channel is None else channel_text(channel)
    return joined("\n", (own_text(preferences), here, _ORDER))


def _own_line(preferences: Preferences) -> Message:
    """Return the defaults that a person chose, in one line."""
    if not preferences.options:
        return Message("**Your defaults** none")
    return Message("**Your defaults** {options}", options=options_text(preferences.options))
