"""Pages of a person's history: each page is one job with its pictures.

The custom ids of a page's buttons hold all that is needed to turn the page, so they work after a
restart too. A press shows no more than the command would.
"""

from collections.abc import Iterator, Sequence

import discord
from PIL import Image

from bot.jobs.history import Entry, Scope
from bot.jobs.job import JobState
from bot.jobs.records import StoredPicture
from bot.languages.catalogue import Language
from bot.languages.message import Message, joined
from bot.ui import alt_texts, formatting
from bot.ui.attachments import Attachment, encode, fit_within, open_image
from engine.images.contact_sheet import contact_sheet

_SIDE, _SIDE_OF_SEVERAL = 768, 512
"""Longest side of a picture on a page in pixels: a single one, and one of several."""
_COLUMNS, _QUALITY = 2, 85


def page_text(entry: Entry, scope: Scope, viewer_id: int) -> Message:
    """Return the text of a page."""
    place = Message("{place} of {total}", place=entry.place, total=entry.total)
    lines = (
        joined(" · ", (_heading(scope, viewer_id), place)),
        f"**{formatting.escape_prompt(entry.prompt)}**",
        joined(" · ", _facts(entry)),
        None if entry.steps else _gone(entry),
    )
    return joined("\n", lines)


def _heading(scope: Scope, viewer_id: int) -> Message:
    """Return whose pictures are shown, and with which words."""
    person, words = f"<@{scope.author_id}>", formatting.escape_prompt(scope.search)
    if scope.author_id == viewer_id:
        if scope.search:
            return Message("-# Your pictures with {words}", words=words)
        return Message("-# Your pictures")
    if scope.search:
        return Message("-# Pictures of {person} with {words}", person=person, words=words)
    return Message("-# Pictures of {person}", person=person)


def _facts(entry: Entry) -> Iterator[Message | str]:
    """Yield what is known of a job: when it was asked for, seeds, steps, and where it is."""
    yield discord.utils.format_dt(entry.accepted_at)
    if entry.seeds:
        seeds = ", ".join(map(str, entry.seeds))
        yield Message.counted("seed {seeds}", "seeds {seeds}", len(entry.seeds), seeds=seeds)
    if entry.steps:
        yield Message.counted("{count} step", "{count} steps", max(entry.steps))
    if entry.state is JobState.STOPPED:
        yield Message("stopped early")
    if entry.link:
        yield Message("[where it was posted]({url})", url=entry.link)


def page_sheet(
    entry: Entry, pictures: Sequence[StoredPicture], language: Language
) -> Attachment | None:
    """Return a page's pictures in one file; None if they are not stored any more."""
    if not pictures:
        return None
    side = _SIDE if len(pictures) == 1 else _SIDE_OF_SEVERAL
    shown = [_small(open_image(each.content), side) for each in pictures]
    picture = shown[0] if len(shown) == 1 else contact_sheet(shown, columns=_COLUMNS)
    content = encode(picture, "WEBP", quality=_QUALITY)
    description = alt_texts.of_picture(entry.prompt).in_language(language)
    return Attachment("history.webp", content, description, entry.spoiler)


def _gone(entry: Entry) -> Message:
    if entry.can_rerun:
        return Message(
            "I don't have this picture any more. *Rerun* paints one like it, with another seed."
        )
    return Message("I don't have this picture any more, nor its recipe.")


def _small(picture: Image.Image, side: int) -> Image.Image:
    return picture.resize(fit_within(picture.size, side), Image.Resampling.LANCZOS)
