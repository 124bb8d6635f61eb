"""What is kept of a person, as plain values and in words: to be handed out, or removed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.phrases import counted
from bot.settings import StorageSettings

_STAYS = (
    "What stays: pictures that others have made from yours, what people have saved or copied, what "
    "others wrote in threads, and the log of whoever runs me, which names your account's number."
)


@dataclass(frozen=True)
class KeptJob:
    """A job with all that is known of it, whether this program can still paint it or not."""

    id: int
    values: Mapping[str, Any]
    """By the names of the database's columns; places, posts and checkpoints as lists of such."""
    recipes: tuple[str, ...]
    """As JSON."""


@dataclass(frozen=True)
class KeptDraft:
    """A picture and its mask, before somebody had them painted."""

    id: int
    values: Mapping[str, Any]
    source: bytes
    mask: bytes | None


@dataclass(frozen=True)
class Deletion:
    """A person wants everything removed that was kept of them, and how far that is."""

    author_id: int
    last_job_id: int
    last_draft_id: int
    """What is newer stays."""
    jobs: int
    pictures: int
    drafts: int
    messages: int
    """That were removed from Discord, or were gone already."""
    left: int
    """Messages that could not be removed, and threads that could not be renamed."""


@dataclass(frozen=True)
class Removal:
    """Something of a person's that is still on Discord."""

    id: int
    author_id: int
    channel_id: int
    message_id: int
    is_thread: bool
    """Whether the thread is meant that was opened on the message, and has its id."""


def about(settings: StorageSettings) -> str:
    """What is kept of a person, and how long."""
    days, first = settings.keep_days, "my disk space is used up, the oldest going first"
    if days and settings.disk_mib:
        how_long = f"for {counted(days, 'day')}, or less long if {first}"
    elif days:
        how_long = f"for {counted(days, 'day')}"
    else:
        how_long = f"until {first}" if settings.disk_mib else "until you delete them"
    return (
        "Of what you ask for I keep, under the number of your Discord account: your words, "
        "settings and the time; where I posted; the pictures, how they grew, what they go on from, "
        f"and those that you attached. Pictures stay {how_long}; the rest until you delete it. A "
        "picture that you prepare with `/mask` stays for a day.\n"
        "In `/history` nobody sees them but you and, in a server, its moderators. On Discord "
        "whoever can read the channel sees them. A picture's file tells how it was made, and holds "
        "a picture that it started from.\n"
        "`/privacy export` sends you all of it, `/privacy delete` removes it, here and, where I "
        f"can, on Discord. {_STAYS}"
    )


def deleted(done: Deletion) -> str:
    """What was removed of a person's, and what was not."""
    removed = [
        counted(done.jobs, "job"),
        counted(done.pictures, "picture"),
        *([counted(done.drafts, "draft")] if done.drafts else []),
        f"and {counted(done.messages, 'message')} on Discord",
    ]
    sentences = [f"Removed what I kept of you: {', '.join(removed)}."]
    if done.left:
        left = counted(done.left, "message or thread", "messages or threads")
        sentences.append(
            f"{left} of mine could not be removed: I have no access there any more, or Discord "
            "refused. Ask a moderator of that server."
        )
    return " ".join((*sentences, _STAYS))
