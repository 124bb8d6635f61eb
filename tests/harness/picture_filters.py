"""Picture filters for tests, in place of a trained one."""

import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import numpy as np
from PIL import Image

from bot.config import BotSettings
from tests.harness.bot_harness import FAST, UPLOAD_HOSTS, BotHarness, encoded, open_bot

RED = encoded(Image.new("RGB", (128, 128), "red"))
BLUE = encoded(Image.new("RGB", (128, 128), "blue"))


def all_red(picture: Image.Image) -> bool:
    """Return True if a picture is red all over, as none is that the models paint."""
    pixels = np.asarray(picture.convert("RGB")).astype(int)
    return bool(((pixels[..., 0] > 250) & (pixels[..., 1:].max(-1) < 5)).all())


def same_as(*contents: bytes) -> Callable[[Image.Image], bool]:
    """Return a function that knows pictures of files again, pixel by pixel."""
    known = [np.asarray(Image.open(io.BytesIO(each)).convert("RGB")) for each in contents]

    def is_known(picture: Image.Image) -> bool:
        return any(np.array_equal(np.asarray(picture.convert("RGB")), each) for each in known)

    return is_known


@dataclass
class SimpleFilter:
    """A filter that is sure of each picture, which a test can change or break."""

    refuses: Callable[[Image.Image], bool] = all_red
    error: Exception | None = None
    score_of_refused: float = 0.9
    judged: int = 0

    name = "simple"

    def score(self, picture: Image.Image) -> float:
        """Return a high score for a picture that the test refuses; raise the error of the test."""
        self.judged += 1
        if self.error is not None:
            raise self.error
        return self.score_of_refused if self.refuses(picture) else 0.0


@asynccontextmanager
async def open_filtered_bot(
    settings: BotSettings, picture_filter: SimpleFilter
) -> AsyncIterator[BotHarness]:
    """Open a bot with a picture filter."""
    async with open_bot(settings, UPLOAD_HOSTS, FAST, picture_filter) as bot:
        yield bot
