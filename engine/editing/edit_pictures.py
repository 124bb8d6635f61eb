"""Read the picture of an edit and its mask from users' files. No torch in here."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from engine.editing.mask_kinds import find_meaning, stretch_binary
from engine.errors import PictureError
from engine.files import THE_PICTURE, Name
from engine.images.image_io import OPAQUE, LoadedPicture, load_picture
from engine.text import Text

MIN_SOURCE_SIDE = 16
MAX_SOURCE_PIXELS = 1_600_000
"""Maximum number of pixels of a source (1264 x 1264). Larger ones are scaled down, so that the
finished picture with its recipe, which contains the source, stays below Discord's 10 MiB."""
MAX_ASPECT = 6.0
"""Maximum ratio of a source's longer side to its shorter side."""
MAX_ASPECT_ERROR = 0.05
"""Maximum relative difference between the aspect ratios of a mask and its picture."""
MIN_MASK_LEVEL = 16
"""Minimum level (0 to 255) of a mask's brightest pixel; darker masks change nothing visible."""
MIN_HOLE = 0.002
"""Minimum share of a picture that counts as a hole in it."""
MIN_OPAQUE_OUTLINE = 0.75
"""Minimum share of opaque pixels along the outline of a picture with a hole. A picture that was cut
out of its background has a transparent outline."""
_THE_MASK = Text("the mask")


@dataclass(frozen=True)
class EditPictures:
    """The picture of an edit and its mask, as they were read."""

    source: Image.Image
    mask: Image.Image | None
    """Gray, of the source's size: white is changed, black is kept. None changes everything."""
    notices: tuple[Text, ...]
    """What the user should know about how the files were read."""


def read_edit(
    picture: Path | bytes, mask: Path | bytes | None = None, *, name: Name = THE_PICTURE
) -> EditPictures:
    """Read a picture to edit and its mask, each from the path of a file or from its bytes.

    Without a mask, a hole that was erased from the picture is the mask: a transparent part that
    leaves its corners and most of its outline. Messages call the picture `name`.

    Raises:
        PictureError: A file is not a picture, the picture is smaller than 16 pixels or too long, or
            the mask does not fit or is not clear.
    """
    loaded, source, notices = _read(picture, name)
    if mask is not None:
        found, notice = read_mask(mask, source)
        return EditPictures(source, found, tuple(filter(None, (*notices, notice))))
    hole = None if loaded.alpha is None else _hole(loaded.alpha)
    if hole is None:
        return EditPictures(source, None, tuple(notices))
    notice = Text("what is transparent in {name} will change, and the rest stays", name=name)
    return EditPictures(source, _scaled(hole, source.size), (*notices, notice))


def read_source(
    content: Path | bytes, *, name: Name = THE_PICTURE
) -> tuple[Image.Image, list[Text]]:
    """Read a picture to edit; return it, and notices about it.

    `content` is the path of a file, or its bytes, which messages call `name`. What is transparent
    becomes white.

    Raises:
        PictureError: The file is not a picture, or it is smaller than 16 pixels or too long.
    """
    _, source, notices = _read(content, name)
    return source, notices


def read_mask(
    content: Path | bytes, source: Image.Image, *, name: Name = _THE_MASK
) -> tuple[Image.Image, Text | None]:
    """Read a mask for the picture `source`; return it, and a notice if it was an unusual one.

    The mask is gray and of the source's size: white is changed, black is kept. `mask_kinds` says
    how files of each kind are understood.

    Raises:
        PictureError: The file is not a picture, has another aspect ratio, changes nothing, or could
            mean one thing or the other.
    """
    loaded = load_picture(content, name=name)
    drawn, size = loaded.picture, source.size
    error = drawn.width / drawn.height / (size[0] / size[1])
    if not 1 - MAX_ASPECT_ERROR <= error <= 1 + MAX_ASPECT_ERROR:
        raise PictureError(
            "{name} has {drawn} pixels and the picture {size}: a mask needs the proportions of its "
            "picture",
            name=name,
            drawn=_shown(drawn.size),
            size=_shown(size),
        )
    alpha = None if loaded.alpha is None else _scaled(loaded.alpha, size)
    meaning = find_meaning(_scaled(stretch_binary(drawn), size), alpha, source)
    if meaning is None:
        raise PictureError(
            "it is not clear what {name} means: paint white what to change and everything else "
            "black, or erase or paint over what to change in a copy of the picture",
            name=name,
        )
    check_mask(meaning.mask, name=name, is_marked=meaning.changes is not None)
    if meaning.changes is None:
        return meaning.mask, None
    return meaning.mask, Text(
        "in {name}, {what} changes and the rest stays", name=name, what=meaning.changes
    )


def check_mask(mask: Image.Image, *, name: Name = _THE_MASK, is_marked: bool = False) -> None:
    """Raise `PictureError` if a mask changes nothing, whether it is gray or a marked picture."""
    if np.asarray(mask).max() >= MIN_MASK_LEVEL:
        return
    if is_marked:
        raise PictureError(
            "{name} is the picture itself: paint over what to change, or erase it", name=name
        )
    raise PictureError(
        "{name} is black everywhere, so there is nothing to change: paint white what to change",
        name=name,
    )


def _read(content: Path | bytes, name: Name) -> tuple[LoadedPicture, Image.Image, list[Text]]:
    """Return a picture to edit as it was read and as it is edited, and notices about it."""
    loaded = load_picture(content, name=name if isinstance(content, bytes) else None)
    check_source(loaded.picture, name)
    return loaded, *_shrunk(loaded, name)


def check_source(picture: Image.Image, name: Name) -> None:
    """Raise `PictureError` if a picture, which is called `name`, is too small or too long."""
    low, high = sorted(picture.size)
    size = _shown(picture.size)
    if low < MIN_SOURCE_SIDE:
        raise PictureError(
            "{name} has {size} pixels, too few to edit: each side needs {least}",
            name=name,
            size=size,
            least=MIN_SOURCE_SIDE,
        )
    if high > MAX_ASPECT * low:
        raise PictureError(
            "{name} has {size} pixels, too long a strip to edit: one side may be at most {most} "
            "times the other",
            name=name,
            size=size,
            most=f"{MAX_ASPECT:g}",
        )


def _shrunk(loaded: LoadedPicture, name: Name) -> tuple[Image.Image, list[Text]]:
    """Return a picture of at most `MAX_SOURCE_PIXELS`, and notices about its file."""
    picture = loaded.picture
    notices = loaded.notices(name)
    factor = math.sqrt(MAX_SOURCE_PIXELS / (picture.width * picture.height))
    if factor >= 1:
        return picture, notices
    smaller = (math.floor(picture.width * factor), math.floor(picture.height * factor))
    notices.append(
        Text(
            "{name} had {before} pixels and was made smaller, {after}",
            name=name,
            before=_shown(loaded.size),
            after=_shown(smaller),
        )
    )
    return picture.resize(smaller, Image.Resampling.LANCZOS), notices


def _shown(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def _hole(alpha: Image.Image) -> Image.Image | None:
    """Return the mask of what was erased from a picture, or None if it is no hole."""
    opacity = np.asarray(alpha)
    opaque = opacity >= OPAQUE
    outline = np.concatenate((opaque[0], opaque[-1], opaque[:, 0], opaque[:, -1]))
    corners = opaque[[0, 0, -1, -1], [0, -1, 0, -1]]
    has_hole = np.mean(opacity < 128) >= MIN_HOLE
    if has_hole and corners.all() and outline.mean() >= MIN_OPAQUE_OUTLINE:
        return Image.fromarray(255 - opacity)
    return None


def _scaled(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    if picture.size == size:
        return picture
    return picture.resize(size, Image.Resampling.BILINEAR)
