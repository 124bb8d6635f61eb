"""The commands `animate` and `restyle`: paint the frames of a film, and write it.

Frames wait as files until the film is written, so a film of any length takes the memory of one.
Whatever ends the painting, the film so far is written first, and reported afterwards.
"""

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from shutil import rmtree
from tempfile import gettempdir, mkdtemp

from PIL import Image

from engine.cli.film_request import FilmRequest
from engine.cli.messages import print_notice
from engine.cli.painter import ENDED_EARLY, origin_notices, prepare
from engine.cli.progress import StepBar
from engine.cli.saving import NameReservations, Results
from engine.cli.signals import Stopped, StopSignals, exit_code
from engine.errors import EngineError, PictureError
from engine.files import atomic_write, quoted
from engine.films import painted_frames, write_film
from engine.models.painter import Painter, Run
from engine.painters import begin
from engine.provenance import origin_texts
from engine.vqgan_clip.memory_estimate import oom_as_recipe_error
from engine.vqgan_clip.memory_plan import PLANS


def paint_film(request: FilmRequest, reservations: NameReservations, signals: StopSignals) -> int:
    """Paint and write the film of a request, until it is done or a signal arrives.

    Returns:
        The exit code of the program.

    Raises:
        EngineError: The machine lacks the device or the memory, the first frame could not be
            painted, or no place can be written.
        Stopped: A signal arrived before the first frame was done.
    """
    run, painter = _begin(request)
    results = Results(reservations)
    with signals.held(), _frames_folder() as folder:
        frames, failure = _paint(request, run, signals, folder)
        if not frames:
            if failure is not None:
                raise failure
            assert signals.received is not None
            raise Stopped(signals.received)
        texts = origin_texts(
            request.recipe, painter.digests, precision=painter.precision, steps=run.steps_done
        )
        path = _save(request, results, partial(_write, request, frames, texts), frames)
        results.paths.append(path)
        results.print_paths()
    if isinstance(failure, EngineError):
        print_notice(f"error: {failure}; the film so far is in {quoted(path)}")
        return ENDED_EARLY
    if failure is not None:
        raise failure
    return results.exit_code if signals.received is None else exit_code(signals.received)


class _KeptFramesError(PictureError):
    """The film could not be written anywhere; its frames stay where they are."""


@contextmanager
def _frames_folder() -> Generator[Path]:
    """Make a folder for frames, removed at the end of the block unless they must be kept."""
    try:
        folder = Path(mkdtemp(prefix="vqgan-clip-film-"))
    except OSError as error:
        raise _no_place_for_frames(Path(gettempdir()), error) from error
    try:
        yield folder
    except _KeptFramesError:
        raise
    except BaseException:
        rmtree(folder, ignore_errors=True)
        raise
    rmtree(folder, ignore_errors=True)


def _save(
    request: FilmRequest, results: Results, write: Callable[[Path], None], frames: list[Path]
) -> Path:
    """Write the film where it was asked for, or nearby; else leave its frames where they are."""
    try:
        return results.save(request.out, write)
    except PictureError as error:
        raise _KeptFramesError(
            "{error} No folder nearby can be written either. The {count} frames of the film are in "
            "{folder}.",
            error=error.text,
            count=len(frames),
            folder=quoted(frames[0].parent),
        ) from error


def _begin(request: FilmRequest) -> tuple[Run, Painter]:
    painter, plan = prepare(request.recipe, request.models, request.settings)
    origin = origin_notices(request.digests, request.painted_in, painter)
    for notice in filter(None, (request.models.limits, *request.notices, *origin)):
        print_notice(f"note: {notice}")
    if plan != PLANS[0]:
        print_notice(f"note: to fit into the free memory: {plan}")
    with oom_as_recipe_error(request.recipe):
        return begin(painter, request.recipe, plan), painter


def _paint(
    request: FilmRequest, run: Run, signals: StopSignals, folder: Path
) -> tuple[list[Path], Exception | None]:
    """Paint until the film is done, a signal arrives or painting fails; return frames and error."""
    recipe, frames = request.recipe, list[Path]()
    with StepBar(recipe, recipe.total_steps, "") as bar:

        def on_step() -> bool:
            bar.step(None)
            return signals.received is None

        try:
            with oom_as_recipe_error(recipe):
                for number, picture in enumerate(painted_frames(run, on_step)):
                    frames.append(_kept(picture, folder / f"{number}.png"))
        except Exception as error:  # of any kind: the film so far is written before it is raised
            return frames, error
        bar.finish(run.steps_done)
    return frames, None


def _kept(picture: Image.Image, path: Path) -> Path:
    """Keep a frame as a file until the film is written; return its path."""
    try:
        picture.save(path)
    except OSError as error:
        raise _no_place_for_frames(path.parent.parent, error) from error
    return path


def _no_place_for_frames(folder: Path, error: OSError) -> PictureError:
    return PictureError(
        "Cannot keep the frames of the film in {folder}: {why}. Make space there, or name another "
        "folder in TMPDIR",
        folder=quoted(folder),
        why=error.strerror or str(error),
    )


def _write(request: FilmRequest, frames: list[Path], texts: Mapping[str, str], path: Path) -> None:
    def opened() -> Iterator[Image.Image]:
        for each in frames:
            with Image.open(each) as picture:
                yield picture.convert("RGB")

    force = request.force and path == request.out
    with atomic_write(path, force=force) as part:
        write_film(opened(), part, request.recipe, suffix=path.suffix, texts=texts)
