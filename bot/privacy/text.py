"""Text about what is stored about a user, and about its erasure."""

from collections.abc import Iterator, Mapping

from bot.config import BotSettings, PostedRecipes
from bot.jobs.personal_data import ErasureRequest
from bot.languages.message import Message, joined, listed

_STORED = Message(
    "When you ask for a picture, I store under the id of your Discord account: your words and "
    "settings; the time; where I posted; the pictures, their earlier steps, the data to resume "
    "them, and the pictures and videos that you attached."
)
_DRAFTS = Message("A picture that you prepare with `/mask` is stored for a day.")
_VISIBLE = Message(
    "In `/history` only you and, in a server, its moderators can see your pictures. On Discord "
    "everyone who can read the channel can see them."
)
_LOG = Message(
    "A server's moderators can keep a log of what happens there, with your prompts and, if they "
    "wish, with deleted pictures; `/privacy delete` deletes what it says about you too."
)
_GALLERY = Message(
    "The person who runs me shows a gallery of pictures. Yours are in it only if you agree: "
    "`/privacy gallery` tells you more."
)
_CHOICES = Message(
    "`/privacy export` sends you everything, and `/privacy delete` deletes it, here and, where I "
    "can, on Discord."
)
_STAYS = Message(
    "What stays: pictures that others made from yours, what people saved or copied, what others "
    "wrote in threads, blocks by moderators, and my log, which contains your account's id."
)

_IN_FILES: Mapping[PostedRecipes, Message] = {
    "without-pictures": Message(
        "A picture's file contains your words and settings, but not the pictures and videos that "
        "you attached; beside an edit I post the picture as it was before."
    ),
    "complete": Message(
        "A picture's file contains your words and settings, and the pictures and videos that you "
        "attached."
    ),
    "none": Message(
        "A picture's file does not contain how it was made; beside an edit I post the picture as "
        "it was before."
    ),
}
"""What everybody can find in the files that the bot posts."""


def privacy_text(settings: BotSettings) -> list[Message]:
    """Return paragraphs about what is stored about a user, and for how long."""
    storage, in_files = settings.storage, _IN_FILES[settings.discord.posted_recipes]
    is_limited = bool(storage.disk_mib or storage.person_mib)
    how_long = _how_long_text(storage.keep_days, is_limited=is_limited)
    return [
        joined(" ", (_STORED, how_long, _DRAFTS)),
        joined(" ", (_VISIBLE, in_files)),
        joined(" ", (_LOG, None if settings.host.gallery == "off" else _GALLERY)),
        joined(" ", (_CHOICES, _STAYS)),
    ]


def _how_long_text(days: int, *, is_limited: bool) -> Message:
    """Return for how long pictures are stored: 0 `days` are no limit."""
    if days and is_limited:
        return Message.counted(
            "I store pictures for {count} day, or less if my disk space, or your share of it, is "
            "used up (the oldest are deleted first); the rest, and your preferences and saved "
            "styles, until you delete it.",
            "I store pictures for {count} days, or less if my disk space, or your share of it, is "
            "used up (the oldest are deleted first); the rest, and your preferences and saved "
            "styles, until you delete it.",
            days,
        )
    if days:
        return Message.counted(
            "I store pictures for {count} day; the rest, and your preferences and saved styles, "
            "until you delete it.",
            "I store pictures for {count} days; the rest, and your preferences and saved styles, "
            "until you delete it.",
            days,
        )
    if is_limited:
        return Message(
            "I store pictures until my disk space, or your share of it, is used up (the oldest are "
            "deleted first); the rest, and your preferences and saved styles, until you delete it."
        )
    return Message(
        "I store pictures until you delete them; the rest, and your preferences and saved styles, "
        "until you delete it."
    )


def erasure_text(done: ErasureRequest) -> Message:
    """Summarize a completed erasure."""
    deleted = Message("I deleted what I stored about you: {items}.", items=listed(_deleted(done)))
    return joined(" ", (deleted, _left_text(done.undeleted), _STAYS))


def _deleted(done: ErasureRequest) -> Iterator[Message]:
    """Yield what was deleted, with its count."""
    yield Message.counted("{count} job", "{count} jobs", done.jobs)
    yield Message.counted("{count} picture", "{count} pictures", done.pictures)
    if done.drafts:
        yield Message.counted("{count} draft", "{count} drafts", done.drafts)
    yield Message.counted(
        "{count} message on Discord", "{count} messages on Discord", done.messages
    )


def _left_text(undeleted: int) -> Message | None:
    """Return how many messages and threads could not be deleted; None if all could."""
    if not undeleted:
        return None
    return Message.counted(
        "I could not delete {count} message or thread of mine: I no longer have access there, or "
        "Discord refused. Ask a moderator of that server.",
        "I could not delete {count} messages or threads of mine: I no longer have access there, or "
        "Discord refused. Ask a moderator of that server.",
        undeleted,
    )
