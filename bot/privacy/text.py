"""What is kept of a person, as plain values and in words: to be handed out, or removed."""

from bot.config import StorageSettings
from bot.jobs.personal_data import ErasureRequest
from bot.ui.formatting import plural

_STAYS = (
    "What stays: pictures that others have made from yours, what people have saved or copied, what "
    "others wrote in threads, and the log of whoever runs me, which names your account's number."
)


def privacy_text(settings: StorageSettings) -> str:
    """What is kept of a person, and how long."""
    days, first = settings.keep_days, "my disk space is used up, the oldest going first"
    if days and settings.disk_mib:
        how_long = f"for {plural(days, 'day')}, or less long if {first}"
    elif days:
        how_long = f"for {plural(days, 'day')}"
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


def erasure_text(done: ErasureRequest) -> str:
    """What was removed of a person's, and what was not."""
    removed = [
        plural(done.jobs, "job"),
        plural(done.pictures, "picture"),
        *([plural(done.drafts, "draft")] if done.drafts else []),
        f"and {plural(done.messages, 'message')} on Discord",
    ]
    sentences = [f"Removed what I kept of you: {', '.join(removed)}."]
    if done.left:
        left = plural(done.left, "message or thread", "messages or threads")
        sentences.append(
            f"{left} of mine could not be removed: I have no access there any more, or Discord "
            "refused. Ask a moderator of that server."
        )
    return " ".join((*sentences, _STAYS))
