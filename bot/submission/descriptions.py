"""`/describe`: find words for a picture."""

import asyncio
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from bot.config import BotSettings
from bot.errors import UserError
from bot.languages.message import Message, joined
from bot.picture_check import PictureCheck
from bot.reading.file_readers import read_goal
from bot.submission.files import FileReader
from bot.submission.policy import SubmissionPolicy
from bot.submission.requester import Requester
from bot.submission.sources import check_sources
from bot.ui.loading_text import loading_text
from bot.ui.uploads import Upload
from bot.worker.painters import Painters
from engine.models.catalogue import find_models

if TYPE_CHECKING:
    from engine.models.loading import Models


@dataclass(frozen=True)
class DescribePicture:
    """A call with models of a name that finds words for a picture."""

    picture: Image.Image
    name: str

    def __call__(self, models: "Models") -> tuple[str, ...]:
        """Return prompts that describe the picture, the best first."""
        from engine.editing.descriptions import describe  # imports torch

        return describe(self.picture, models, find_models(self.name).phrases)


@dataclass(frozen=True)
class Descriptions:
    """Finds words for pictures."""

    _settings: BotSettings
    _policy: SubmissionPolicy
    _worker: Painters
    _files: FileReader
    _pictures: PictureCheck

    async def describe(self, requester: Requester, picture: Upload) -> tuple[str, ...]:
        """Return prompts that describe a picture, the best first.

        Raises `UserError` or `EngineError` for what is not allowed.
        """
        await self._policy.check_early(requester)
        if self._worker.loading.device is None:
            again = Message("Try again when they are here.")
            raise UserError(joined(" ", (loading_text(self._worker.loading), again)))
        name = self._settings.engine.models
        async with self._files.turn(requester.user_id) as turn:
            goal, _ = await turn.read(read_goal, picture, None)
            image = await asyncio.to_thread(_opened, goal.picture)
            with self._policy.noting_refusals(requester, ""):
                await check_sources(self._pictures, requester, [np.asarray(image)])
            describe = DescribePicture(image, name)
            return await asyncio.wrap_future(self._worker.call_with_models(describe, name))


def _opened(content: bytes) -> Image.Image:
    """Open a picture that the reading process has written."""
    with Image.open(io.BytesIO(content)) as picture:
        return picture.convert("RGB")
