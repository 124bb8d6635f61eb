"""Outputs: the files that a painted picture leaves, named and checked before it is painted."""

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

from engine.errors import PictureError
from engine.files import check_output, quoted
from engine.images.animation import ANIMATION_SUFFIXES


@dataclass(frozen=True)
class Outputs:
    """Where the files of one picture go."""

    picture: Path
    animation: Path | None
    frames: Path | None
    """A folder, for the pictures on the way."""
    force: bool
    """Whether what exists is overwritten."""


def name_outputs(arguments: argparse.Namespace, number: int, count: int) -> Outputs:
    """The files of picture `number` of `count`; raises `PictureError` if one can't be written."""
    picture = _numbered(arguments.out, number, count)
    check_output(picture, suffixes=(".png",), force=arguments.force)
    animation = frames = None
    if arguments.animation is not None:
        animation = _numbered(arguments.animation, number, count)
        check_output(animation, suffixes=ANIMATION_SUFFIXES, force=arguments.force)
    if arguments.save_every is not None:
        frames = picture.with_name(f"{picture.stem}-frames")
        _check_frames(frames, force=arguments.force)
    return Outputs(picture, animation, frames, arguments.force)


def _numbered(path: Path, number: int, count: int) -> Path:
    # A path without a name, such as a bare dot, is refused by the check that follows.
    if count == 1 or not path.name:
        return path
    return path.with_name(f"{path.stem}-{number}{path.suffix}")


def _check_frames(folder: Path, *, force: bool) -> None:
    """Raise `PictureError` unless the folder can be made, or with `force` be filled anew."""
    try:
        folder.lstat()
    except FileNotFoundError:
        return  # the folder around it is the picture's, which was checked
    except OSError as error:
        raise _cannot_keep(folder, error.strerror) from error
    if not folder.is_dir():
        raise _cannot_keep(folder, "something that is no folder has this name")
    if not force:
        raise _cannot_keep(
            folder, "it exists already, name another --out or overwrite with --force"
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _cannot_keep(folder, "the folder does not allow writing")


def _cannot_keep(folder: Path, why: str | None) -> PictureError:
    return PictureError(f"Cannot keep frames in {quoted(folder)}: {why}.")
