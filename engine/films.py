"""Films from start to end: paint the frames, write them as a file, and read the recipe in one.

An MP4 holds its recipe among its texts, like the PNG of a picture.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from engine.errors import PictureError, RecipeError
from engine.files import THE_PICTURE, Name, quoted, read_bounded
from engine.images.animation import write_webp_film
from engine.images.mp4 import Mp4Writer, is_mp4, read_texts, write_within
from engine.images.png import MAX_FILE_BYTES
from engine.provenance import RECIPE_KEY, Provenance, read_origin, read_provenance
from engine.recipes.film import Film
from engine.recipes.kinds import AnyRecipe
from engine.recipes.recipe import Recipe

if TYPE_CHECKING:
    from engine.models.painter import Run

FILM_SUFFIXES = (".mp4", ".webp")
MAX_WEBP_FRAMES = 240
"""Maximum number of frames of a film as a WebP, which are all in memory at once."""
LONGEST_SIDE = 1280
"""Longest side in pixels to which small frames are enlarged."""

Frames = Callable[[], Iterable[Image.Image]]
"""Returns the painted frames of a film from the first on, each time it is called."""


def film_of(recipe: AnyRecipe) -> tuple[Recipe, Film]:
    """Return a recipe and its film; raise `RecipeError` if it is that of a picture."""
    if not isinstance(recipe, Recipe) or recipe.film is None:
        raise RecipeError("the recipe is that of a picture, not of a film")
    return recipe, recipe.film


def check_length(film: Film, path: Path) -> None:
    """Raise `PictureError` if a film has too many frames for the kind of file at `path`."""
    if path.suffix.lower() == ".webp" and film.frames * (1 + film.between) > MAX_WEBP_FRAMES:
        raise PictureError(
            "A film of more than {most} frames is too long for a WebP: name an .mp4 file.",
            most=MAX_WEBP_FRAMES,
        )


def painted_frames(run: "Run", on_step: Callable[[], bool]) -> Iterator[Image.Image]:
    """Paint the film of a run; yield each frame when it is done.

    `on_step` is called after each step; the film ends there if it returns False.
    """
    from engine.models.tensors import to_picture

    recipe, _ = film_of(run.recipe)
    goes_on = True
    while goes_on and not run.done:
        run.step()
        goes_on = on_step()
        if recipe.frame_after(run.steps_done) is not None:
            yield to_picture(run.image())


def shown_size(recipe: Recipe) -> tuple[int, int]:
    """Return the width and height of a film's frames as people see them."""
    factor = min(recipe.enlarge, max(1, LONGEST_SIDE // max(recipe.width, recipe.height)))
    return recipe.width * factor, recipe.height * factor


def shown_frames(frames: Iterable[Image.Image], recipe: AnyRecipe) -> Iterator[Image.Image]:
    """Yield the painted frames of a film as people see them, with those between them."""
    recipe, film = film_of(recipe)
    size = shown_size(recipe)
    for each in frames if film.between == 0 else _with_between(frames, film, recipe.seed):
        yield each if each.size == size else each.resize(size, Image.Resampling.BICUBIC)


def write_film(
    frames: Iterable[Image.Image],
    path: Path,
    recipe: AnyRecipe,
    *,
    suffix: str = ".mp4",
    texts: Mapping[str, str] | None = None,
) -> None:
    """Write a film as an MP4 of the best quality, or as a WebP, which has no texts and no sound.

    Args:
        frames: The painted frames, maybe fewer than the recipe's.
        path: File to write.
        recipe: The recipe of the film.
        suffix: One of `FILM_SUFFIXES`.
        texts: What an MP4 says about itself, such as `engine.provenance.origin_texts`.
    """
    recipe, film = film_of(recipe)
    shown = shown_frames(frames, recipe)
    if suffix.lower() == ".webp":
        write_webp_film(list(shown), path, film.shown_rate)
        return
    size, said = shown_size(recipe), _said(texts)
    with Mp4Writer(path, size, film.shown_rate, texts=said, sound=_sound_of(film)) as file:
        for each in shown:
            file.add(each)


def write_film_within(
    limit: int,
    frames: Frames,
    count: int,
    path: Path,
    recipe: AnyRecipe,
    *,
    texts: Mapping[str, str] | None = None,
    part: tuple[int, int] = (0, 1),
    is_good: bool = False,
) -> tuple[int, int] | None:
    """Write a film, or a part of it, as an MP4 of at most `limit` bytes.

    Args:
        limit: Maximum size of the file in bytes.
        frames: Returns the painted frames of the whole film, anew for each attempt.
        count: Number of painted frames, maybe fewer than the recipe's.
        path: File to write.
        recipe: The recipe of the film.
        texts: What the file says about itself.
        part: Which part is written, from 0, and how many there are.
        is_good: Whether the result has at least its painted size and enough bits for it.

    Returns:
        Width and height of the film; None if it can't be made as small as `limit`.
    """
    recipe, film = film_of(recipe)
    rate, shown = film.shown_rate, count * (1 + film.between)
    first, end = (shown * (part[0] + index) // part[1] for index in (0, 1))
    is_last = part[0] == part[1] - 1  # without a loop it has a few frames less than `shown`

    def shown_part() -> Iterator[Image.Image]:
        return islice(shown_frames(frames(), recipe), first, None if is_last else end)

    return write_within(
        limit,
        shown_part,
        path,
        count=end - first,
        size=shown_size(recipe),
        rate=rate,
        texts=_said(texts),
        sound=_sound_of(film),
        sound_start=Fraction(first, rate),
        smallest=min(recipe.width, recipe.height) if is_good else None,
    )


def read_any_provenance(source: Path | bytes, *, name: Name = THE_PICTURE) -> Provenance:
    """Read where a picture or a film comes from, as `read_provenance` does.

    `source` is the path of a file, or its bytes, which messages call `name`.

    Raises:
        PictureError: The file cannot be read.
        RecipeError: The file contains no valid recipe.
    """
    if isinstance(source, Path):
        source, name = read_bounded(source, limit=MAX_FILE_BYTES), quoted(source)
    if not is_mp4(source):
        return read_provenance(source, name=name)
    texts = read_texts(source, name=name)
    try:
        if RECIPE_KEY not in texts:
            raise RecipeError("it contains no recipe, only films painted by this program do")
        return read_origin(texts)
    except RecipeError as error:
        raise RecipeError("{name}: {error}", name=name, error=error.text) from error


def _said(texts: Mapping[str, str] | None) -> dict[str, str]:
    """Return the texts of a film under the names that an MP4 has for them."""
    return {each.lower(): text for each, text in (texts or {}).items()}


def _sound_of(film: Film) -> bytes | None:
    """Return the stored clip with the sound of a film; None for films that restyle none."""
    return None if film.clip is None else film.clip.video or None


def _with_between(frames: Iterable[Image.Image], film: Film, seed: int) -> Iterator[Image.Image]:
    from engine.models.tensors import to_picture, to_tensor
    from engine.vqgan_clip.between import with_between
    from engine.vqgan_clip.clip_between import restyled_between

    painted = map(to_tensor, frames)
    if film.clip is not None:
        return map(to_picture, restyled_between(painted, film, film.clip))
    return map(to_picture, with_between(painted, film, seed))
