"""Find words in prompts that the host or a server blocks."""

from collections.abc import Iterable
from functools import lru_cache

from bot.config import SafetySettings
from bot.errors import RefusedError
from bot.filtering.wordlist import WordList
from bot.guild_settings import GuildSettings
from bot.languages.message import Message
from bot.submission.requester import Requester
from bot.ui import formatting
from bot.ui.channels import is_age_restricted


class BlockedWords:
    """The words of the host, which are checked together with those of a server."""

    def __init__(self, host: SafetySettings) -> None:
        self._blocked = WordList(host.blocked_words)
        self._age_restricted = WordList(host.age_restricted_words)

    def check(self, guild: GuildSettings, requester: Requester, texts: Iterable[str]) -> None:
        """Raise `RefusedError` if a text contains a word that is not allowed in the channel.

        Matching long texts takes time.
        """
        texts = tuple(dict.fromkeys(texts))
        if word := _first_in((self._blocked, _word_list(guild.blocked_words)), texts):
            hidden = formatting.spoiler(word)
            raise RefusedError(
                Message(
                    "A word in this prompt is blocked here: {word}. Use other words.", word=hidden
                ),
                Message("A word in the prompt is blocked: {word}.", word=hidden),
            )
        if is_age_restricted(requester.channel):
            return
        restricted = (self._age_restricted, _word_list(guild.age_restricted_words))
        if word := _first_in(restricted, texts):
            hidden = formatting.spoiler(word)
            raise RefusedError(
                _age_restricted(hidden, in_server=requester.guild_id is not None),
                Message(
                    "A word in the prompt is allowed only in age-restricted channels: {word}.",
                    word=hidden,
                ),
            )


def _age_restricted(word: str, *, in_server: bool) -> Message:
    """Return what tells a person that a word is allowed only in age-restricted channels."""
    if in_server:
        return Message(
            "A word in this prompt is allowed only in age-restricted channels: {word}. Use such a "
            "channel, or other words.",
            word=word,
        )
    return Message(
        "A word in this prompt is allowed only in age-restricted channels, and never in direct "
        "messages: {word}. Use such a channel, or other words.",
        word=word,
    )


def _first_in(lists: Iterable[WordList], texts: Iterable[str]) -> str | None:
    found = (each.first_in(text) for text in texts for each in lists)
    return next(filter(None, found), None)


@lru_cache(maxsize=64)
def _word_list(entries: tuple[str, ...]) -> WordList:
    return WordList(entries)
