"""Growth: what is kept of a picture on its way, as files in a folder and as an animation."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from PIL import Image

from engine.cli.request import Work
from engine.errors import PictureError
from engine.files import quoted
from engine.images import image_io
from engine.images.animation import write_animation
from engine.models.tensors import to_picture
from engine.painting import finished_picture, save_painting
from engine.vqgan_clip.generation import Generation

CLIP_FRAMES = 60
"""About as many frames as an animation takes; it plays for some seconds."""
CLIP_SIDE = 1024
"""Largest side of an animation's frames in pixels: they are kept in memory."""
_DIGITS = 4
"""At least, of a frame's name; all of a run have as many, so that they sort by step."""


class FrameRecorder:
    """Looks at a run between its steps and keeps what the work asks for."""

    def __init__(self, work: Work, digests: Mapping[str, str]) -> None:
        self.written: list[Path] = []
        self._work = work
        self._digests = digests
        self._clip: list[Image.Image] = []
        self._clip_every = max(1, work.steps // CLIP_FRAMES)

    def record(self, generation: Generation) -> None:
        """Keep the picture as it stands if it is one of those that are wanted."""
        done, every = generation.steps_done, self._work.save_every
        if every and done and done % every == 0:
            self._save_frame(generation)
        if self._work.outputs.animation is not None and done % self._clip_every == 0:
            self._clip.append(_clip_frame(generation))

    def write_animation(self, generation: Generation) -> None:
        """Write the animation, if one is wanted, with the picture as it stands at its end."""
        outputs = self._work.outputs
        if outputs.animation is None:
            return
        if generation.steps_done % self._clip_every:
            self._clip.append(_clip_frame(generation))
        write_animation(self._clip, outputs.animation, force=outputs.force)
        self.written.append(outputs.animation)

    def _save_frame(self, generation: Generation) -> None:
        folder = self._work.outputs.frames
        if folder is None:
            return
        if not self.written:
            _make_empty(folder)
        digits = max(_DIGITS, len(str(self._work.recipe.total_steps)))
        path = folder / f"{generation.steps_done:0{digits}}.png"
        save_painting(
            finished_picture(generation),
            path,
            self._work.recipe,
            self._digests,
            steps=generation.steps_done,
        )
        self.written.append(path)


def _clip_frame(generation: Generation) -> Image.Image:
    picture = to_picture(generation.image())
    factor = min(generation.recipe.enlarge, max(1, CLIP_SIDE // max(picture.size)))
    picture = image_io.enlarge(picture, factor)
    picture.thumbnail((CLIP_SIDE, CLIP_SIDE), Image.Resampling.LANCZOS)
    return picture


def _make_empty(folder: Path) -> None:
    """Make the folder, and clear it of an earlier run's frames: it shows one run's alone."""
    try:
        folder.mkdir(exist_ok=True)
        for path in folder.glob("*.png"):
            if path.stem.isdecimal():
                with suppress(FileNotFoundError):
                    path.unlink()
    except OSError as error:
        raise PictureError(f"Cannot keep frames in {quoted(folder)}: {error.strerror}.") from error
