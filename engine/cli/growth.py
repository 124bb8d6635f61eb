"""Record the progress of a picture: files in a folder, and an animation."""

from contextlib import suppress
from pathlib import Path

from PIL import Image

from engine.cli.request import PaintTask
from engine.cli.saving import Results
from engine.errors import PictureError
from engine.files import quoted
from engine.images import image_io
from engine.images.animation import write_animation
from engine.models.painter import Painter, Run
from engine.models.tensors import to_picture
from engine.painting import finished_picture, save_painting
from engine.recipes.kinds import tile_of_recipe

CLIP_FRAMES = 60
"""Approximate number of frames of an animation."""
CLIP_SIDE = 1024
"""Maximum side of an animation's frames in pixels, because they are held in memory."""
_DIGITS = 4
"""Minimum number of digits in a frame's file name; all of a run have the same number, so that they
sort by step."""


class FrameRecorder:
    """Record the frames of a run that its task asks for; one that fails does not end the run."""

    def __init__(self, task: PaintTask, painter: Painter, results: Results) -> None:
        self._task = task
        self._painter = painter
        self._results = results
        self._is_folder_made = self._has_failed = False
        self._clip: list[Image.Image] = []
        self._clip_every = max(1, task.steps // CLIP_FRAMES)

    def record(self, run: Run) -> None:
        """Record the current picture if the task asks for it at this step."""
        done, every = run.steps_done, self._task.save_every
        if every and done and done % every == 0:
            self._try_to_save_frame(run)
        if self._task.outputs.animation is not None and done % self._clip_every == 0:
            self._clip.append(_clip_frame(run))

    def write_animation(self, run: Run) -> None:
        """Write the animation if the task asks for one, with the current picture at the end."""
        outputs = self._task.outputs
        if outputs.animation is None:
            return
        if run.steps_done % self._clip_every:
            self._clip.append(_clip_frame(run))
        try:
            path = self._results.save(outputs.animation, self._write_clip)
        except Exception as error:  # from any of the libraries that encode
            name = quoted(outputs.animation)
            self._results.complain(f"the animation {name} could not be written: {error}")
        else:
            self._results.paths.append(path)

    def save(
        self,
        picture: Image.Image,
        path: Path,
        *,
        steps: int,
        drawing: str = "",
        force: bool = False,
    ) -> None:
        """Write a picture of the task after `steps` as a PNG that tells how it was made."""
        save_painting(
            picture,
            path,
            self._task.recipe,
            self._painter.digests,
            precision=self._painter.precision,
            steps=steps,
            drawing=drawing,
            force=force,
        )

    def _write_clip(self, path: Path) -> None:
        outputs = self._task.outputs
        write_animation(self._clip, path, force=outputs.force and path == outputs.animation)

    def _try_to_save_frame(self, run: Run) -> None:
        try:
            self._save_frame(run)
        except (PictureError, OSError) as error:
            if not self._has_failed:
                self._results.complain(f"{error} The run goes on without such frames.")
            self._has_failed = True

    def _save_frame(self, run: Run) -> None:
        folder = self._task.outputs.frames
        if folder is None:
            return
        if not self._is_folder_made:
            _make_empty(folder, force=self._task.outputs.force)
            self._is_folder_made = True
        digits = max(_DIGITS, len(str(self._task.recipe.total_steps)))
        path = folder / f"{run.steps_done:0{digits}}.png"
        self.save(finished_picture(run), path, steps=run.steps_done)
        self._results.paths.append(path)


def _clip_frame(run: Run) -> Image.Image:
    """Return the current picture as users see it, but of at most `CLIP_SIDE`."""
    if run.recipe.edit is None:
        picture = to_picture(run.image())
        factor = min(run.recipe.enlarge, max(1, CLIP_SIDE // max(picture.size)))
        picture = image_io.enlarge(picture, factor, tile_of_recipe(run.recipe))
    else:
        picture = finished_picture(run)
    picture.thumbnail((CLIP_SIDE, CLIP_SIDE), Image.Resampling.LANCZOS)
    return picture


def _make_empty(folder: Path, *, force: bool) -> None:
    """Create the folder; with `force` it may exist, and loses the frames of an earlier run."""
    try:
        folder.mkdir(exist_ok=force)
        for path in folder.glob("*.png"):
            if path.stem.isdecimal():
                with suppress(FileNotFoundError):
                    path.unlink()
    except OSError as error:
        raise PictureError(f"Cannot save frames in {quoted(folder)}: {error.strerror}.") from error
