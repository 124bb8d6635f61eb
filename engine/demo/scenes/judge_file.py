"""The file of what the judge was fitted to: discriminants, templates, colors and limits."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from engine.demo.scenes.discriminant import Discriminant
from engine.demo.scenes.judge_colors import ColorScale
from engine.demo.scenes.judge_windows import LENGTH, TEMPLATES, WINDOW
from engine.demo.scenes.table import KINDS, MEDIA, MEDIA_NAMES
from engine.errors import ModelError

Floats = NDArray[np.float32]

FILE = Path(__file__).with_name("judge.safetensors")


@dataclass(frozen=True)
class Usual:
    """What pictures usually look like, to reject what is like none of them."""

    mean: Floats
    """Mean of each feature (N,)."""
    scale: Floats
    """Standard deviation of each feature (N,)."""
    centers: Floats
    """Standardized means of each class (C, N)."""
    precision: Floats
    """Inverse of the shared covariance (N, N)."""
    limit: Floats
    """Greatest distance of a usual picture to the nearest center (1,)."""

    def has(self, row: Floats) -> bool:
        """Return if a picture with these features (N,) is usual."""
        return self.distance(row) <= float(self.limit[0])

    def distance(self, row: Floats) -> float:
        """Return the squared Mahalanobis distance of a row (N,) to the nearest center."""
        rest = (row - self.mean) / self.scale - self.centers
        return float(np.einsum("cn,nm,cm->c", rest, self.precision, rest, optimize=True).min())


@dataclass(frozen=True)
class JudgeData:
    """All that the judge was fitted to."""

    medium: Discriminant
    skies: tuple[Discriminant, ...]
    """For each medium, among its skies."""
    grounds: tuple[Discriminant, ...]
    """For each medium, among its grounds."""
    detail: Usual
    """Usual fine detail, by the medium."""
    rows: Usual
    """Usual colors by height, by the sky and the medium."""
    templates: Floats
    """Weights of each template and, last, what is added (LENGTH + 1, TEMPLATES)."""
    levels: Floats
    """Usual scores of each kind's things in each medium (M, K)."""
    evidence: tuple[Discriminant, ...]
    """For each kind, between candidates that are no such thing and those that are."""
    enough: Floats
    """How much must speak for a thing of each kind (K,)."""
    extents: Floats
    """Larger side of a thing of each kind in units of its height (K,)."""
    colors: tuple[ColorScale, ...]
    """How the colors of each kind are measured (K)."""
    color_limit: Floats
    """Greatest squared distance of a thing's color to one of its kind's (1,)."""


def write_judge(data: JudgeData, file: Path) -> None:
    """Write the file."""
    tensors: dict[str, Floats] = {}
    for name, value in vars(data).items():
        if isinstance(value, np.ndarray):
            tensors[name] = value
            continue
        for number, part in enumerate(value if isinstance(value, tuple) else (value,)):
            tensors |= {f"{name}.{number}.{field}": each for field, each in vars(part).items()}
    save_file(
        {name: np.ascontiguousarray(each.astype(_type_of(name))) for name, each in tensors.items()},
        file,
    )


def read_judge(file: Path) -> JudgeData:
    """Read the file.

    Raises:
        ModelError: The file is missing, damaged, or of another world.
    """
    try:
        tensors = {name: each.astype(np.float32) for name, each in load_file(file).items()}
        data = _parsed(tensors)
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise ModelError("The judge's file {file} cannot be read.", file=file.name) from error
    kinds, media = len(KINDS), len(MEDIA_NAMES)
    fits = (
        data.templates.shape == (LENGTH + 1, TEMPLATES)
        and data.levels.shape == (media, kinds)
        and data.enough.shape == data.extents.shape == (kinds,)
        and data.colors[0].weights.shape == (WINDOW * WINDOW,)
        and data.medium.bias.shape == (media,)
    )
    if not fits:
        raise ModelError("The judge's file {file} is of another world.", file=file.name)
    return data


def _type_of(name: str) -> type[np.floating]:
    """Return half precision for what is large, and single for the rest."""
    large = name == "templates" or (name.startswith(("skies", "grounds")) and "weights" in name)
    return np.float16 if large else np.float32


def _parsed(tensors: dict[str, Floats]) -> JudgeData:
    def parts(name: str, number: int, fields: Iterable[str]) -> list[Floats]:
        return [tensors[f"{name}.{number}.{field}"] for field in fields]

    def discriminants(name: str, count: int) -> tuple[Discriminant, ...]:
        fields = Discriminant.__annotations__
        return tuple(Discriminant(*parts(name, number, fields)) for number in range(count))

    kinds, media = len(KINDS), len(MEDIA)
    return JudgeData(
        medium=discriminants("medium", 1)[0],
        skies=discriminants("skies", media),
        grounds=discriminants("grounds", media),
        detail=Usual(*parts("detail", 0, Usual.__annotations__)),
        rows=Usual(*parts("rows", 0, Usual.__annotations__)),
        templates=tensors["templates"],
        levels=tensors["levels"],
        evidence=discriminants("evidence", kinds),
        enough=tensors["enough"],
        extents=tensors["extents"],
        colors=tuple(
            ColorScale(*parts("colors", number, ColorScale.__annotations__))
            for number in range(kinds)
        ),
        color_limit=tensors["color_limit"],
    )
