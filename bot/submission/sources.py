"""Judge the pictures that a request would be made from, before anything is made from them."""

from collections.abc import Sequence

from bot.delivery.held_back import Allowed, allowed_pictures
from bot.errors import RefusedError, UserError
from bot.jobs.job import Job
from bot.jobs.records import StoredPicture
from bot.languages.message import Message
from bot.picture_check import Audience, Picture, PictureCheck, PictureFilterError
from bot.submission.requester import Requester
from bot.ui import picture_filter_text
from engine.recipes.kinds import AnyRecipe
from engine.recipes.pictures import seen_pictures


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
    await check_sources(check, requester, list(dict.fromkeys(found)))


async def allowed_here(
    check: PictureCheck, audience: Audience, job: Job, pictures: Sequence[StoredPicture]
) -> Allowed:
    """Return the pictures of a job that may be shown; raise `UserError` if the filter fails."""
    try:
        return await allowed_pictures(check, audience, job, pictures)
    except PictureFilterError as error:
        raise UserError(picture_filter_text.FAULT_OF_REQUEST) from error
