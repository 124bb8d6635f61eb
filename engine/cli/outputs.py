"""Choose the output files of a picture, and check them before it is painted."""

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

from engine.errors import PictureError, UsageError
from engine.files import check_output, quoted
from engine.images.animation import ANIMATION_SUFFIXES


@dataclass(frozen=True)
class Outputs:
    """Paths of the files of one picture."""

    picture: Path
    animation: Path | None
    frames: Path | None
    """Folder for the pictures after every few steps, or None."""
    svg: Path | None
    """The picture as SVG, or None."""
    preview: Path | None
    """File for copies of a tile side by side, or None."""
    force: bool
    """True to overwrite existing files."""

    @property
    def names_to_reserve(self) -> tuple[Path, ...]:
        """Files whose names no other program may take meanwhile."""
        files = (self.picture, self.animation, self.svg, self.preview)
        return () if self.force else tuple(each for each in files if each is not None)


def name_outputs(arguments: argparse.Namespace, number: int, count: int) -> Outputs:
    """Name the files of picture `number` (from 1) of `count`.

    Raises:
        PictureError: One of them cannot be written.
        UsageError: Two of them are the same.
    """
    picture = _numbered(arguments.out, number, count)
    check_output(picture, suffixes=(".png",), force=arguments.force)
    animation = frames = svg = preview = None
    if arguments.animation is not None:
        animation = _numbered(arguments.animation, number, count)
        check_output(animation, suffixes=ANIMATION_SUFFIXES, force=arguments.force)
    if arguments.save_every is not None:
        frames = picture.with_name(f"{picture.stem}-frames")
        _check_frames(frames, force=arguments.force)
    if arguments.svg is not None:
        svg = _numbered(arguments.svg, number, count)
        check_output(svg, suffixes=(".svg",), force=arguments.force)
    if arguments.preview is not None:
        preview = _numbered(arguments.preview, number, count)
        check_output(preview, suffixes=(".png",), force=arguments.force)
        if preview.resolve() == picture.resolve():
            raise UsageError("--preview and --out name the same file: choose another name for one")
    return Outputs(picture, animation, frames, svg, preview, arguments.force)


def _numbered(path: Path, number: int, count: int) -> Path:
    # The check that follows rejects a path without a name, such as a single dot.
    if count == 1 or not path.name:
        return path
    return path.with_name(f"{path.stem}-{number}{path.suffix}")


def _check_frames(folder: Path, *, force: bool) -> None:
    """Raise `PictureError` unless the folder can be created, or with `force` be reused."""
    try:
        folder.lstat()
    except FileNotFoundError:
        return  # its parent is the picture's folder, which is already checked
    except OSError as error:
        raise _cannot_save(folder, error.strerror) from error
    if not folder.is_dir():
        raise _cannot_save(folder, "it is not a folder")
    if not force:
        raise _cannot_save(
            folder, "it exists already, name another --out or overwrite with --force"
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _cannot_save(folder, "the folder does not allow writing")


def _cannot_save(folder: Path, why: str | None) -> PictureError:
    return PictureError(f"Cannot save frames in {quoted(folder)}: {why}.")
