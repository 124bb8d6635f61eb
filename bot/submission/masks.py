"""Find masks in pictures by text, keep them as drafts, and queue edits from drafts."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from bot.config import BotSettings
from bot.errors import UserError
from bot.jobs.draft import Draft
from bot.languages.message import Message, joined
from bot.picture_check import PictureCheck
from bot.reading.file_readers import read_draft, read_mask_file
from bot.storage import Store, retrying
from bot.submission.edits import EditOptions, Edits
from bot.submission.files import FileReader
from bot.submission.policy import SubmissionPolicy, check_prompt
from bot.submission.requester import Requester
from bot.submission.sources import check_sources, is_borrowed
from bot.submission.submit import Queued
from bot.ui.attachments import encode
from bot.ui.draft_preview import GROWTH
from bot.ui.loading_text import loading_text
from bot.ui.unknown_words import doubtful_mask_text
from bot.ui.uploads import Upload, is_spoiler
from bot.worker.painters import Painters
from engine.editing.edit_recipe import FEATHER, dilate
from engine.models.catalogue import find_models
from engine.recipes.prompts import parse_prompts

if TYPE_CHECKING:
    from engine.editing.text_masks import TextMask
    from engine.models.loading import Models

_LONGEST_ID = 18
"""The most digits of a draft's id, so that it fits into a database integer."""


@dataclass(frozen=True)
class NewDraft:
    """A draft, and what its author should know about it."""

    draft: Draft
    notice: Message
    """Sentences about the picture, if there is anything to say."""
    relevance: bytes | None
    """A PNG map of where the text might apply, if no mask was found for it."""


@dataclass(frozen=True)
class MaskSearch:
    """A call with models that finds what is named in a picture."""

    source: Image.Image
    what: str

    def __call__(self, models: "Models") -> "TextMask":
        """Return the mask, and where the words might apply."""
        from engine.editing.text_masks import find_mask  # imports torch

        return find_mask(self.source, self.what, models)


@dataclass(frozen=True)
class MaskDrafts:
    """Keeps a picture and its mask as a draft until its author has the edit painted."""

    _settings: BotSettings
    _policy: SubmissionPolicy
    _edits: Edits
    _store: Store
    _worker: Painters
    _files: FileReader
    _pictures: PictureCheck
    _queuing: set[int] = field(default_factory=set[int], init=False)
    """The ids of drafts whose edits are being queued."""

    async def find(
        self, requester: Requester, picture: Upload, what: str | None, replace_with: str | None
    ) -> NewDraft:
        """Store a draft of a picture with the mask of what is named, if it is found there.

        If nothing is named, a hole that was erased from the picture is the mask.

        Raises `UserError` or `EngineError` for what is not allowed.
        """
        await self._check(requester, what or "", replace_with or "")
        if what and self._worker.loading.device is None:
            again = Message("Try again when they are here.")
            raise UserError(joined(" ", (loading_text(self._worker.loading), again)))
        models = await self._edits.models_of(picture)
        async with self._files.turn(requester.user_id) as turn:
            source, hole, notice = await turn.read(read_draft, picture, what)
            with self._policy.noting_refusals(requester, what or ""):
                await check_sources(self._pictures, requester, [np.asarray(source)])
            mask, relevance = await self._look_for(models, source, what) if what else (hole, None)
        notice = joined("\n", (notice, _doubt(models, what or "")))
        content = await asyncio.to_thread(encode, source, "PNG")
        draft = await self._store.drafts.add(
            requester.user_id,
            content,
            mask,
            replace_with or None,
            spoiler=is_spoiler(picture.file),
            models=models,
            borrowed=await is_borrowed(self._store, requester.user_id, picture.message),
        )
        return NewDraft(draft, notice, relevance)

    async def get(self, draft_id: str, user_id: int) -> Draft:
        """Return a user's draft; raise `UserError` if it is gone or belongs to someone else."""
        number = _number(draft_id)
        draft = None if number is None else await self._store.drafts.get(number)
        if draft is None:
            raise UserError(Message("That mask is not there any more. Make it again with `/mask`."))
        if draft.author_id != user_id:
            raise UserError(
                Message("That mask belongs to someone else. Make your own with `/mask`.")
            )
        return draft

    async def adjust(
        self, requester: Requester, draft: Draft, change: Callable[[Draft], Draft]
    ) -> Draft:
        """Store a draft as `change` returns it; changing a mask takes time."""
        await self._policy.check_access(requester)
        async with self._files.turn(requester.user_id):
            changed = await asyncio.to_thread(change, draft)
        await self._store.drafts.put(changed)
        return changed

    async def upload(self, requester: Requester, draft: Draft, mask: Upload) -> Draft:
        """Store a draft with the mask in a file; raise an error if it does not fit."""
        await self._policy.check_access(requester)
        async with self._files.turn(requester.user_id) as turn:
            content = await turn.read(read_mask_file, mask, draft.source)
        changed = replace(draft, mask=content, spoiler=draft.spoiler or is_spoiler(mask.file))
        await self._store.drafts.put(changed)
        return changed

    async def paint(
        self, requester: Requester, draft_id: str, prompt: str | None = None
    ) -> Queued | None:
        """Queue the edit of a draft, which is then deleted; None for a second click.

        `prompt` says what the picture should show afterwards, if the draft does not.
        """
        number = _number(draft_id)
        if number is None or number in self._queuing:
            return None
        self._queuing.add(number)
        try:
            # It is deleted last, so that neither a refusal nor a crash loses it.
            draft = await self.get(draft_id, requester.user_id)
            models = draft.models if draft.models in self._settings.engine.installed else None
            options = EditOptions(
                prompt or draft.replace_with or "", spoiler=draft.spoiler, models=models
            )
            queued = await self._edits.queue_draft(requester, options, draft)
            await retrying(self._store.drafts.delete)(number)
        finally:
            self._queuing.remove(number)
        return queued

    async def discard(self, draft: Draft) -> None:
        """Delete a draft."""
        await self._store.drafts.delete(draft.id)

    async def _check(self, requester: Requester, what: str, replace_with: str) -> None:
        """Raise what a search or the edit after it would be refused with, before it begins."""
        for text in (what, replace_with):
            check_prompt(text, self._settings.limits)
        await self._policy.check_early(requester)
        await self._policy.check_words(requester, what, replace_with)
        if replace_with:
            parse_prompts(replace_with)

    async def _look_for(
        self, models: str, source: Image.Image, what: str
    ) -> tuple[bytes | None, bytes | None]:
        """Return the mask of what is named, or else a map of where it might be, as PNG."""
        search = MaskSearch(source, what)
        found = await asyncio.wrap_future(self._worker.call_with_models(search, models))
        if not found.found:
            return None, await asyncio.to_thread(encode, found.relevance, "PNG")
        # The soft edge lies inside the mask: a narrower mask would leave a rim of the object.
        mask = await asyncio.to_thread(dilate, found.mask, GROWTH + FEATHER)
        return await asyncio.to_thread(encode, mask, "PNG"), None


def _doubt(models: str, what: str) -> Message | None:
    """Return a notice that models do not know words of what is named; None if they do."""
    entry = find_models(models)
    words = entry.vocabulary.unknown_words(what)
    return doubtful_mask_text(entry, words) if words else None


def _number(draft_id: str) -> int | None:
    is_number = draft_id.isascii() and draft_id.isdecimal() and len(draft_id) <= _LONGEST_ID
    return int(draft_id) if is_number else None
