"""Decide which pictures may be shown or used: the picture filter with its thresholds.

The host chooses the filter and a threshold for each kind of channel, and a server can lower the
thresholds. A filter that fails lets nothing through.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from bot.config import SafetySettings
from bot.filtering.pictures import PictureFilter
from bot.guild_settings import GuildSettings
from bot.jobs.events import Pixels
from bot.storage import Store
from bot.ui.channels import is_age_restricted
from engine.images.image_io import read_picture

log = logging.getLogger(__name__)

Picture = bytes | Pixels
"""A picture as a file of the bot's own making, or as pixels."""
_NOTHING = 1.0
"""The threshold that holds back nothing: scores are not larger."""


class PictureFilterError(Exception):
    """The picture filter failed, so nobody knows which pictures may be shown."""


@dataclass(frozen=True)
class Audience:
    """Who sees a picture: a server or direct messages, and the channel there."""

    guild_id: int | None
    """The server; None in direct messages."""
    channel: object
    """The channel as discord.py knows it. One that it does not know has no age restriction."""


@dataclass(frozen=True)
class PictureCheck:
    """Judges pictures, one at a time and off the event loop."""

    _safety: SafetySettings
    _store: Store
    _filter: PictureFilter | None
    """None if the host chose none."""
    _turns: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    @property
    def is_on(self) -> bool:
        """Whether the host chose a filter; only then can servers lower its thresholds."""
        return self._filter is not None

    @property
    def name(self) -> str:
        """The name of the filter; "" for none."""
        return "" if self._filter is None else self._filter.name

    def threshold(self, guild: GuildSettings, channel: object) -> float:
        """Return the score up to which pictures are shown in a server's channel, 0 to 1."""
        if self._filter is None:
            return _NOTHING
        restricted = is_age_restricted(channel)
        return guild.picture_threshold_within(self._safety, age_restricted=restricted)

    async def judge(self, audience: Audience, pictures: Sequence[Picture]) -> list[bool]:
        """Return for each picture whether this audience may see it.

        Raises `PictureFilterError`, whose cause is logged, if the filter fails.
        """
        threshold = await self.threshold_for(audience) if pictures else _NOTHING
        if self._filter is None or threshold >= _NOTHING:
            return [True] * len(pictures)
        return [score <= threshold for score in await self.scores(pictures)]

    async def scores(self, pictures: Sequence[Picture]) -> list[float]:
        """Return what the filter says about pictures, 0 (harmless) to 1; 0 without a filter.

        Raises `PictureFilterError`, whose cause is logged, if the filter fails.
        """
        if self._filter is None:
            return [0.0] * len(pictures)
        found: list[float] = []
        for picture in pictures:
            async with self._turns:  # whoever has many pictures lets others in between
                found.append(await asyncio.to_thread(self._score, self._filter, picture))
        return found

    async def threshold_for(self, audience: Audience) -> float:
        """Return the score up to which an audience sees pictures, 0 to 1."""
        if self._filter is None:
            return _NOTHING
        guild = await self._store.guild_settings.get(audience.guild_id)
        return self.threshold(guild, audience.channel)

    def _score(self, picture_filter: PictureFilter, picture: Picture) -> float:
        started = time.perf_counter()
        try:
            score = picture_filter.score(_opened(picture))
        except Exception as error:
            cause = {"filter": picture_filter.name, "cause": repr(error)}
            log.error("the picture filter failed", extra=cause, exc_info=error)
            raise PictureFilterError(str(error)) from error
        seconds = round(time.perf_counter() - started, 3)
        log.debug("a picture was judged", extra={"score": round(score, 3), "seconds": seconds})
        return score


def _opened(picture: Picture) -> Image.Image:
    return Image.fromarray(picture) if isinstance(picture, np.ndarray) else read_picture(picture)
