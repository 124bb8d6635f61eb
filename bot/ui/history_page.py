"""A person's pictures, page by page: a page is a job with its pictures.

What a page needs to turn stands in the custom ids of its buttons, so that a history that was opened
before a restart goes on after it. Whoever presses one may see no more than by a command.
"""

import discord
from PIL import Image

from bot.jobs.history import Entry, Scope
from bot.jobs.job import JobState
from bot.jobs.records import StoredPicture
from bot.ui import formatting, job_text
from bot.ui.attachments import Attachment, encode_webp, fit_within, open_image
from engine.images.contact_sheet import contact_sheet

_SIDE, _SIDE_OF_SEVERAL = 768, 512
"""Largest side in pixels of a picture on a page."""
_COLUMNS, _QUALITY = 2, 85


def page_text(entry: Entry, scope: Scope, viewer_id: int) -> str:
    """What a page says."""
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


def page_sheet(entry: Entry, pictures: list[StoredPicture]) -> Attachment | None:
    """A page's pictures, side by side if there are several; None if they were removed."""
    if not pictures:
        return None
    side = _SIDE if len(pictures) == 1 else _SIDE_OF_SEVERAL
    shown = [_small(open_image(each.content), side) for each in pictures]
    picture = shown[0] if len(shown) == 1 else contact_sheet(shown, columns=_COLUMNS)
    content = encode_webp(picture, _QUALITY)
    return Attachment("history.webp", content, job_text.alt_text(entry.prompt))


def _gone(entry: Entry) -> str:
    if entry.can_rerun:
        return "I do not keep this picture any more. *Rerun* paints one like it, with another seed."
    return "I do not keep this picture any more, nor what it was painted from."


def _small(picture: Image.Image, side: int) -> Image.Image:
    return picture.resize(fit_within(picture.size, side), Image.Resampling.LANCZOS)
