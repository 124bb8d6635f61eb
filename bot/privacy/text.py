"""Text about what is stored about a user, and about its erasure."""

from collections.abc import Mapping

from bot.config import BotSettings, PostedRecipes
from bot.jobs.personal_data import ErasureRequest
from bot.ui.formatting import plural

_STAYS = (
    "What stays: pictures that others made from yours, what people saved or copied, what others "
    "wrote in threads, blocks by moderators, and my log, which contains your account's id."
)

_IN_FILES: Mapping[PostedRecipes, str] = {
    "without-pictures": "A picture's file contains your words and settings, but not the pictures "
    "that you attached; beside an edit I post the picture as it was before.",
    "complete": "A picture's file contains your words and settings, and the pictures that you "
    "attached.",
    "none": "A picture's file does not contain how it was made; beside an edit I post the picture "
    "as it was before.",
}
"""What everybody can find in the files that the bot posts."""


def privacy_text(settings: BotSettings) -> str:
    """Explain what is stored about a user, and for how long."""
    storage, posted_recipes = settings.storage, settings.discord.posted_recipes
    days, is_limited = storage.keep_days, storage.disk_mib or storage.person_mib
    full = "my disk space, or your share of it, is used up (the oldest are deleted first)"
    if days and is_limited:
        how_long = f"for {plural(days, 'day')}, or less if {full}"
    elif days:
        how_long = f"for {plural(days, 'day')}"
    else:
        how_long = f"until {full}" if is_limited else "until you delete them"
    return (
        "When you ask for a picture, I store under the id of your Discord account: your words and "
        "settings; the time; where I posted; the pictures, their earlier steps, the data to resume "
        f"them, and the pictures that you attached. I store pictures {how_long}; the rest, "
        "and your preferences and saved styles, until you delete it. A picture that you prepare "
        "with `/mask` is stored for a day.\n"
        "In `/history` only you and, in a server, its moderators can see your pictures. On Discord "
        f"everyone who can read the channel can see them. {_IN_FILES[posted_recipes]}\n"
        "A server's moderators can keep a log of what happens there, with your prompts and, if "
        "they wish, with deleted pictures; `/privacy delete` deletes what it says about you too.\n"
        "`/privacy export` sends you everything, and `/privacy delete` deletes it, here and, where "
        f"I can, on Discord. {_STAYS}"
    )


def erasure_text(done: ErasureRequest) -> str:
    """Summarize a completed erasure."""
    deleted = [
        plural(done.jobs, "job"),
        plural(done.pictures, "picture"),
        *([plural(done.drafts, "draft")] if done.drafts else []),
        f"and {plural(done.messages, 'message')} on Discord",
    ]
    sentences = [f"I deleted what I stored about you: {', '.join(deleted)}."]
    if done.undeleted:
        undeleted = plural(done.undeleted, "message or thread", "messages or threads")
        sentences.append(
            f"I could not delete {undeleted} of mine: I no longer have access there, or Discord "
            "refused. Ask a moderator of that server."
        )
    return " ".join((*sentences, _STAYS))
