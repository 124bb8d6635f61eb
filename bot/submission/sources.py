"""Judge the pictures that a request would be made from, before anything is made from them."""

import asyncio
import secrets
from collections.abc import Sequence

import discord
import numpy as np

from bot.delivery.held_back import Allowed, allowed_pictures
from bot.errors import RefusedError, UserError
from bot.jobs.events import Pixels
from bot.jobs.job import Job
from bot.jobs.records import StoredPicture
from bot.languages.message import Message
from bot.picture_check import Audience, Picture, PictureCheck, PictureFilterError
from bot.storage import Store
from bot.submission.requester import Requester
from bot.ui import picture_filter_text
from bot.ui.uploads import is_own
from engine.images.stored_clip import clip_frames, clip_info
from engine.recipes.kinds import AnyRecipe
from engine.recipes.pictures import seen_pictures
from engine.recipes.recipe import Recipe

_PAUSE_SECONDS = 0.5
"""Longest time in seconds between two frames of a clip that are judged."""


async def is_borrowed(store: Store, person_id: int, message: discord.Message | None) -> bool:
    """Return whether what a message holds is not all of a person's making.

    None stands for files that they attached themselves, whose origin is not known.
    """
    if message is None:
        return False
    if is_own(message):
        return not await store.jobs.is_post_of(message.id, person_id)
    return message.author.id != person_id or bool(message.message_snapshots)


async def check_sources(
    check: PictureCheck, requester: Requester, pictures: Sequence[Picture]
) -> None:
    """Raise `UserError` if pictures may not be used where the requester asks for something."""
    audience = Audience(requester.guild_id, requester.channel)
    try:
        verdicts = await check.judge(audience, pictures)
    except PictureFilterError as error:
        raise UserError(picture_filter_text.FAULT_OF_REQUEST) from error
    if not all(verdicts):
        text = picture_filter_text.source_text(requester.guild_id)
        reason = Message("The picture filter held back a picture that they brought.")
        raise RefusedError(text, reason)


async def check_recipes_sources(
    check: PictureCheck, requester: Requester, recipes: Sequence[AnyRecipe]
) -> None:
    """Raise `UserError` if recipes contain pictures that may not be used here."""
    found = (picture for recipe in recipes for picture in seen_pictures(recipe))
    pictures = list[Picture](dict.fromkeys(found))
    if check.is_on:
        clips = {each.clip.video for each in recipes if isinstance(each, Recipe) and each.clip}
        for clip in filter(None, clips):
            pictures += await asyncio.to_thread(_judged_frames, clip)
    await check_sources(check, requester, pictures)


def _judged_frames(video: bytes) -> list[Pixels]:
    """Return the frames of a clip that are judged: one of each half second, and the last one.

    Among them is what people can see for as long as half a second. Fewer would let a short scene
    through, and judging all would take minutes. Which ones is left to chance, because of the
    painted film only the painted frames are judged: a clip could be harmless at all places that
    are known, and show between them what is not.
    """
    longest = max(1, round(clip_info(video).rate * _PAUSE_SECONDS))
    judged, last, due = list[Pixels](), None, 0
    for number, frame in enumerate(clip_frames(video)):
        last = np.asarray(frame)
        if number == due:
            judged.append(last)
            due += longest - secrets.randbelow(longest // 2 + 1)
    if last is not None and last is not judged[-1]:
        judged.append(last)
    return judged


async def allowed_here(
    check: PictureCheck, audience: Audience, job: Job, pictures: Sequence[StoredPicture]
) -> Allowed:
    """Return the pictures of a job that may be shown; raise `UserError` if the filter fails."""
    try:
        return await allowed_pictures(check, audience, job, pictures)
    except PictureFilterError as error:
        raise UserError(picture_filter_text.FAULT_OF_REQUEST) from error
