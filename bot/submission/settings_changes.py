"""Changes of a server's settings, as functions from the old settings to the new ones.

They are applied in one transaction each, so those of several moderators are all kept. They raise
`UserError` for what is not allowed.
"""

from collections.abc import Callable, Collection, Mapping, Sequence

import discord

from bot.config import LimitSettings, Replies
from bot.errors import UserError
from bot.filtering.wordlist import check_entry
from bot.guild_settings import (
    COMMAND_LISTS,
    MAX_LISTED,
    MAX_PEOPLE,
    MAX_WORDS,
    NO_GUILD,
    THRESHOLDS,
    GuildSettings,
)
from bot.languages.catalogue import CHOICES
from bot.languages.message import Message, Sentence
from bot.ui import formatting
from bot.ui.access_lists import CHANNELS, ROLES, if_known
from bot.ui.log_channel import log_problem
from bot.ui.settings_text import AS_ON_DISCORD, NAMES, REPLIES, STRICTNESS, HostRules
from engine.recipes.checks import MIN_SIDE

SettingsChange = Callable[[GuildSettings], GuildSettings]
WORD_LISTS = {"blocked": "blocked_words", "age-restricted": "age_restricted_words"}
"""The keys of the lists of words, by what moderators call them."""
_LARGEST: Mapping[str, int] = {
    **dict.fromkeys(WORD_LISTS.values(), MAX_WORDS),
    "blocked_people": MAX_PEOPLE,
}
"""The maximum lengths of lists with other entries than channels or roles."""
_CHANNEL_LISTS = ("channels", "spoiler_channels", *COMMAND_LISTS.values())
"""The keys of the lists of channels."""
_NOT_IN_LIST = Message("Choose one of the ways in the list.")
_LOOSER_FILTER = Message(
    "The host of this bot chose a stricter filter, and a server can only tighten that."
)


def limits_change(host: LimitSettings, numbers: Mapping[str, int]) -> SettingsChange:
    """Set limits by their names; 0 leaves one to the host. Each must tighten the host's."""
    if not numbers:
        raise UserError(Message("Choose which limit to change, such as `steps`."))
    for name, number in numbers.items():
        most = getattr(host, name)
        if number > most:
            refusal = Message(
                "{limit}: the host of this bot allows at most {most}, and a server can only "
                "tighten that.",
                limit=NAMES[name],
                most=most,
            )
            raise UserError(refusal)
    if 0 < numbers.get("pixels", 0) < MIN_SIDE**2:
        least, limit = MIN_SIDE**2, NAMES["pixels"]
        raise UserError(Message("{limit}: the lowest limit is {least}.", limit=limit, least=least))
    values = {name: number or None for name, number in numbers.items()}
    return lambda before: before.changed(**values)


def edit_others_change(host: LimitSettings, *, allowed: bool) -> SettingsChange:
    """Choose whether people may edit each other's pictures."""
    if allowed and not host.edit_others:
        refusal = Message(
            "The host of this bot lets people edit only their own pictures, and a server can "
            "only tighten that."
        )
        raise UserError(refusal)
    value = None if allowed else False
    return lambda before: before.changed(edit_others=value)


def replies_change(words: str) -> SettingsChange:
    """Choose which replies in words alone edit a picture."""
    known: Collection[Replies] = REPLIES
    if words not in known:
        raise UserError(_NOT_IN_LIST)
    return lambda before: before.changed(replies=words)


def language_change(chosen: str) -> SettingsChange:
    """Choose the language of public messages: one of `CHOICES`, or the server's on Discord."""
    if chosen != AS_ON_DISCORD and chosen not in CHOICES:
        raise UserError(Message("Choose one of the languages in the list."))
    language = None if chosen == AS_ON_DISCORD else chosen
    return lambda before: before.changed(language=language)


def strictness_change(host: HostRules, chosen: Mapping[str, str]) -> SettingsChange:
    """Choose how strict the picture filter is, by the keys of its thresholds."""
    if not host.has_filter:
        raise UserError(Message("The host of this bot has not set up a picture filter."))
    if not chosen:
        raise UserError(Message("Choose how strict the filter is with `strictness`."))
    for key, name in chosen.items():
        if name not in STRICTNESS or key not in THRESHOLDS:
            raise UserError(_NOT_IN_LIST)
        if (STRICTNESS[name] or 0) > getattr(host.settings.safety, key):
            raise UserError(_LOOSER_FILTER)
    values = {key: STRICTNESS[name] for key, name in chosen.items()}
    return lambda before: before.changed(**values)


def list_change(
    name: str, added: Sequence[int | str] = (), removed: Sequence[int | str] = ()
) -> SettingsChange:
    """Add entries to the list of this name, and remove others, which must be on it."""
    most = _LARGEST.get(name, MAX_LISTED)

    def change(before: GuildSettings) -> GuildSettings:
        listed = dict.fromkeys((*getattr(before, name), *added))
        if added and len(listed) > most:
            raise UserError(_too_many(name, len(listed), most))
        for each in removed:
            if each not in listed:
                raise UserError(_not_listed(each))
        return before.changed(**{name: tuple(each for each in listed if each not in removed)})

    return change


def choice_change(name: str, shown: Collection[int], chosen: Collection[int]) -> SettingsChange:
    """Take over what a moderator chose in a select that showed a list as it was then.

    Only what they added or removed counts, because others may have changed the list since.
    """
    added = tuple(each for each in chosen if each not in shown)
    removed = {each for each in shown if each not in chosen}

    def change(before: GuildSettings) -> GuildSettings:
        gone = tuple(each for each in getattr(before, name) if each in removed)
        return list_change(name, added, gone)(before)

    return change


def clear_change(name: str) -> SettingsChange:
    """Empty the list of this name."""
    return lambda before: before.changed(**{name: ()})


def log_change(channel: object, *, keeps_deleted: bool | None = None) -> SettingsChange:
    """Keep the moderation log in a channel, and deleted pictures in it or not."""
    problem = log_problem(channel)
    if problem is not None:
        raise UserError(problem)
    assert isinstance(channel, discord.TextChannel)
    channel_id = channel.id

    def change(before: GuildSettings) -> GuildSettings:
        keeps = before.log_keeps_deleted if keeps_deleted is None else keeps_deleted
        return before.changed(log_channel=channel_id, log_keeps_deleted=keeps)

    return change


def no_log_change(before: GuildSettings) -> GuildSettings:
    """Keep no moderation log."""
    return before.changed(log_channel=None, log_keeps_deleted=None)


def kept_change(*, kept: bool) -> SettingsChange:
    """Keep deleted pictures in the moderation log, or not."""

    def change(before: GuildSettings) -> GuildSettings:
        if before.log_channel is None:
            raise UserError(Message("Choose a channel for the moderation log first."))
        return before.changed(log_keeps_deleted=kept)

    return change


def cleanup_change(guild: discord.Guild | None) -> SettingsChange:
    """Remove channels and roles that Discord has deleted from all lists.

    A list of deleted entries only stays, because an empty one would allow everything.
    """
    known = if_known(guild)
    if known is None:
        unknown = Message("Discord has not told me this server's channels yet. Try again later.")
        raise UserError(unknown)

    def change(before: GuildSettings) -> GuildSettings:
        kinds = {"roles": ROLES, **dict.fromkeys(_CHANNEL_LISTS, CHANNELS)}
        kept = {
            name: kind.existing(getattr(before, name), known) or getattr(before, name)
            for name, kind in kinds.items()
        }
        log = before.log_channel
        kept_log = None if log is None or known.get_channel(log) is None else log
        return before.changed(**kept, log_channel=kept_log)

    return change


def reset_change(_: GuildSettings) -> GuildSettings:
    """Remove all settings of a server."""
    return NO_GUILD


def word_entries(words: str) -> tuple[str, ...]:
    """Split a list of words that were typed with commas between them."""
    try:
        return tuple(check_entry(each) for each in words.split(",") if each.strip())
    except ValueError as error:
        raise UserError(Sentence(error.args[0])) from error


def _too_many(name: str, count: int, most: int) -> Message:
    """Return that a list of this name would have too many entries."""
    if name in WORD_LISTS.values():
        text = Message(
            "That would be {count}; a list can have at most {most} words.", count=count, most=most
        )
    elif name == "blocked_people":
        text = Message(
            "That would be {count}; a list can have at most {most} people.", count=count, most=most
        )
    elif name == "roles":
        text = Message(
            "That would be {count}; a list can have at most {most} roles.", count=count, most=most
        )
    else:
        text = Message(
            "That would be {count}; a list can have at most {most} channels.",
            count=count,
            most=most,
        )
    return text


def _not_listed(entry: int | str) -> Message:
    if isinstance(entry, int):
        return Message("That is not on the list. `/settings show` shows the list.")
    return Message(
        "{word} is not on this list. `/settings words list` shows the list.",
        word=formatting.spoiler(entry),
    )
