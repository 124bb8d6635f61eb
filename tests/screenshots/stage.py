"""Where the scenes of the documentation are played: a server, its people, and maybe a camera."""

import asyncio
import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import discord
import numpy as np
import simcord
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from tests.engine.images.videos import video
from tests.harness.bot_harness import BotHarness, ephemeral_text
from tests.screenshots.camera import Camera

CIRCLE = "a red circle on a blue background"
SQUARE = "a green square on a white background"
RING = "a yellow ring on a purple background"
_WHILE = 6.0
"""Seconds; a message of progress is edited more often than that while its job is painted."""


@dataclass
class Stage:
    """A scene's server, and how it is shown."""

    bot: BotHarness
    mona: simcord.MemberActor
    """A moderator."""
    camera: Camera | None
    """What takes the pictures; None if nobody asked for them."""

    @property
    def alice(self) -> simcord.MemberActor:
        """Who asks for pictures."""
        return self.bot.alice

    @property
    def bob(self) -> simcord.MemberActor:
        """Who is there too."""
        return self.bot.bob

    @property
    def channel(self) -> simcord.ChannelHandle:
        """Where it takes place."""
        return self.bot.channel

    def steps(self, shown: int) -> int:
        """Return how many steps to take: fewer if nobody will look at the picture."""
        return shown if self.camera is not None else 2

    async def type(
        self, command: str, *, who: simcord.MemberActor | None = None, **options: Any
    ) -> simcord.InteractionResult:
        """Let someone, by default Alice, use a command."""
        return await (who or self.alice).slash(self.channel, command, **options)

    async def told(
        self, command: str, *, who: simcord.MemberActor | None = None, **options: Any
    ) -> str:
        """Return what the bot says to a command, to that person only."""
        return ephemeral_text(await self.type(command, who=who, **options))

    async def paint(self, prompt: str = CIRCLE, **options: Any) -> discord.Message:
        """Return the message with a picture that Alice asked for."""
        values: dict[str, Any] = {"steps": self.steps(130), "seed": 7, **options}
        await self.type("imagine", prompt=prompt, **values)
        return await self.finished()

    async def finished(self) -> discord.Message:
        """Wait for all jobs, and return the newest message with a picture or a film."""
        await self.bot.wait_until_notified()
        return [each for each in self.channel.history() if each.attachments][-1]

    async def settled(self, shown: Callable[[], str]) -> None:
        """Let the camera, if there is one, wait until a text has stayed the same for a while."""
        before = None
        while self.camera is not None and before != (before := shown()):
            await asyncio.sleep(_WHILE)

    def files(self) -> list[discord.Attachment]:
        """Return all files that are in the channel."""
        return [file for message in self.channel.history() for file in message.attachments]

    async def show(
        self,
        name: str,
        *,
        who: simcord.MemberActor | None = None,
        last: int = 1,
        press: str | None = None,
    ) -> None:
        """Let the camera, if there is one, take a picture of the last messages or of a form."""
        if self.camera is not None:
            await self.camera.take(self.bot.env, self.channel, who or self.alice, name, last, press)


def set_clock(env: simcord.Env) -> None:
    """Set the clock of the Discord in memory, so that what is done in a minute says so."""
    clock = env.backend.clock
    # simcord has no public way to set it.
    clock._epoch = datetime.now(UTC) - timedelta(seconds=clock.elapsed)  # pyright: ignore[reportPrivateUsage]


def drawing(
    color: str = "red", background: str = "blue", *, size: tuple[int, int] = (256, 256)
) -> bytes:
    """Return a drawing of a circle, as a file that a person uploads."""
    colors = {"red": (215, 35, 40), "blue": (40, 80, 215), "yellow": (250, 215, 40)}
    picture = Image.new("RGB", size, colors[background])
    width, height = size
    box = (width * 0.28, height * 0.28, width * 0.72, height * 0.72)
    ImageDraw.Draw(picture).ellipse(box, fill=colors[color])
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def clip() -> bytes:
    """Return a video of a third of a second, in which a circle moves."""
    frames = (_moved(place) for place in range(8))
    return video(frames)


def _moved(place: int) -> NDArray[np.uint8]:
    frame = Image.new("RGB", (128, 96), (40, 80, 215))
    left = 20 + 6 * place
    ImageDraw.Draw(frame).ellipse((left, 28, left + 40, 68), fill=(215, 35, 40))
    return np.asarray(frame)
