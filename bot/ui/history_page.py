"""Pages of a person's history: each page is one job with its pictures.

The custom ids of a page's buttons hold all that is needed to turn the page, so they work after a
restart too. A press shows no more than the command would.
"""

from collections.abc import Sequence

import discord
from PIL import Image

from bot.jobs.history import Entry, Scope
from bot.jobs.job import JobState
from bot.jobs.records import StoredPicture
from bot.ui import alt_texts, formatting
from bot.ui.attachments import Attachment, encode, fit_within, open_image
from engine.images.contact_sheet import contact_sheet

_SIDE, _SIDE_OF_SEVERAL = 768, 512
"""Longest side of a picture on a page in pixels: a single one, and one of several."""
_COLUMNS, _QUALITY = 2, 85


def page_text(entry: Entry, scope: Scope, viewer_id: int) -> str:
    """Return the text of a page."""
    whose = "Your pictures" if scope.author_id == viewer_id else f"Pictures of <@{scope.author_id}>"
    found = f" with {formatting.escape_prompt(scope.search)}" if scope.search else ""
    when = discord.utils.format_dt(entry.accepted_at)
    several = "s" if len(entry.seeds) != 1 else ""
    parts = [
        *([f"seed{several} {', '.join(map(str, entry.seeds))}"] if entry.seeds else []),
        *([formatting.plural(max(entry.steps), "step")] if entry.steps else []),
        *(["stopped early"] if entry.state is JobState.STOPPED else []),
        *([f"[where it was posted]({entry.link})"] if entry.link else []),
    ]
    lines = [
        f"-# {whose}{found} · {entry.place} of {entry.total}",
        f"**{formatting.escape_prompt(entry.prompt)}**",
        f"{when} · {' · '.join(parts)}" if parts else when,
    ]
    if not entry.steps:
        lines.append(_gone(entry))
    return "\n".join(lines)


def page_sheet(entry: Entry, pictures: Sequence[StoredPicture]) -> Attachment | None:
    """Return a page's pictures in one file; None if they are not stored any more."""
    if not pictures:
        return None
    side = _SIDE if len(pictures) == 1 else _SIDE_OF_SEVERAL
    shown = [_small(open_image(each.content), side) for each in pictures]
    picture = shown[0] if len(shown) == 1 else contact_sheet(shown, columns=_COLUMNS)
    content = encode(picture, "WEBP", quality=_QUALITY)
    shows = str(alt_texts.of_picture(entry.prompt))
    return Attachment("history.webp", content, shows, entry.spoiler)


def _gone(entry: Entry) -> str:
    if entry.can_rerun:
        return "I don't have this picture any more. *Rerun* paints one like it, with another seed."
    return "I don't have this picture any more, nor its recipe."


def _small(picture: Image.Image, side: int) -> Image.Image:
    return picture.resize(fit_within(picture.size, side), Image.Resampling.LANCZOS)
