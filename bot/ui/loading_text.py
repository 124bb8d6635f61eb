"""What the bot says while it downloads its models, and of what it found when it checked them."""

from bot.languages.message import Message, from_engine, percentage
from bot.scheduling.loading import ModelLoading
from bot.ui.formatting import duration
from engine.text import Text
from engine.weights.downloads import DownloadProgress


def loading_text(loading: ModelLoading) -> Message:
    """Return what the bot waits for before it can use its models."""
    if loading.downloads is None:
        return Message("I have just started, and load the models that I paint with.")
    return download_text(loading.downloads)


def check_text(models: str, found: Text | None) -> Message:
    """Return what the check of some models found; `found` is None if nothing is wrong."""
    if found is None:
        return Message(
            "**Checked** {models}: the models recognize and paint what I drew for them.",
            models=models,
        )
    return Message("**Checked** {models}: {found}.", models=models, found=from_engine(found))


def download_text(progress: DownloadProgress) -> Message:
    """Return how far a download is, and for about how long it takes."""
    share, left = progress.share, progress.seconds_left
    if share is None:
        return Message(
            "I'm downloading the models that I paint with. I can't tell how long that takes."
        )
    if share >= 1:
        return Message(
            "I have downloaded the models that I paint with, and prepare them: a minute more."
        )
    if left is None:
        return Message(
            "I'm downloading the models that I paint with: {share} of {size} are here. I can't "
            "tell yet how long the rest takes.",
            share=percentage(share),
            size=progress.missing.size_text,
        )
    return Message(
        "I'm downloading the models that I paint with: {share} of {size} are here, about {time} "
        "left.",
        share=percentage(share),
        size=progress.missing.size_text,
        time=duration(left),
    )
