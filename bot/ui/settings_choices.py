"""What can be chosen in the menus with which moderators change their server's settings."""

from collections.abc import Mapping

from bot.config import Replies
from bot.guild_settings import COMMAND_LISTS, THRESHOLDS
from bot.languages.catalogue import CHOICES
from bot.languages.message import Message, command_name
from bot.ui.settings_text import AS_ON_DISCORD

SECTIONS: Mapping[str, Message] = {
    "places": Message.in_context("entry", "Where I paint, and for whom"),
    "commands": Message.in_context("entry", "Where each command works"),
    "limits": Message.in_context("entry", "Limits, replies, edits and language"),
    "people": Message.in_context("entry", "Blocked people, words and pictures"),
    "log": Message.in_context("entry", "Moderation log"),
}
"""The titles of the parts of the panel, of which one is shown at a time."""
EDIT_OTHERS: Mapping[str, Message] = {
    "everyone": Message.in_context("entry", "Everyone may edit a picture"),
    "own": Message.in_context("entry", "Only the person who asked for it may edit a picture"),
}
KEPT: Mapping[str, Message] = {
    "no": Message.in_context("entry", "Deleted pictures are not kept in the log"),
    "yes": Message.in_context("entry", "Deleted pictures are kept in the log, as spoilers"),
}
REPLIES: Mapping[Replies, Message] = {
    "always": Message.in_context("entry", "Replies in words edit: always"),
    "threads": Message.in_context(
        "entry", "Replies in words edit: in a picture's own thread, or if they mention me"
    ),
    "mention": Message.in_context("entry", "Replies in words edit: if they mention me"),
    "never": Message.in_context("entry", "Replies in words edit: never"),
}
LANGUAGES: Mapping[str, Message] = {
    AS_ON_DISCORD: Message.in_context("entry", "Public messages: in the language set on Discord"),
    **{
        locale: Message.in_context("entry", "Public messages: {language}", language=name)
        for locale, name in CHOICES.items()
    },
}
_FILTER: Mapping[str, Message] = {
    "host": Message.in_context("entry", "Picture filter: as the host of this bot chose"),
    "lenient": Message.in_context(
        "entry", "Picture filter: lenient: hold back what the filter is sure of"
    ),
    "normal": Message.in_context("entry", "Picture filter: normal: hold back what is likely"),
    "strict": Message.in_context("entry", "Picture filter: strict: hold back what may be"),
    "very strict": Message.in_context(
        "entry", "Picture filter: very strict: hold back whatever is suspicious"
    ),
}
_IN_RESTRICTED_CHANNELS: Mapping[str, Message] = {
    "host": Message.in_context("entry", "Age-restricted channels: as the host of this bot chose"),
    "lenient": Message.in_context(
        "entry", "Age-restricted channels: lenient: hold back what the filter is sure of"
    ),
    "normal": Message.in_context(
        "entry", "Age-restricted channels: normal: hold back what is likely"
    ),
    "strict": Message.in_context("entry", "Age-restricted channels: strict: hold back what may be"),
    "very strict": Message.in_context(
        "entry", "Age-restricted channels: very strict: hold back whatever is suspicious"
    ),
}
PLACEHOLDERS: Mapping[str, Message] = {
    "channels": Message.in_context("hint", "I paint in every channel. Or only in:"),
    "spoiler_channels": Message.in_context("hint", "Every picture is a spoiler in:"),
    **{
        name: Message.in_context(
            "hint", "/{command} works in every channel. Or only in:", command=command_name(command)
        )
        for command, name in COMMAND_LISTS.items()
    },
}
"""What menus of channels say while nothing is chosen."""
FILTERS: Mapping[str, Mapping[str, Message]] = dict(
    zip(THRESHOLDS, (_FILTER, _IN_RESTRICTED_CHANNELS), strict=True)
)
"""How strict the picture filter is, by the keys of its thresholds."""
