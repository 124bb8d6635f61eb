"""Check a generator: drawings that it encodes and decodes must come back.

Thresholds are wide. VQGANs with 16 pixels per cell are published with about 20 dB for photographs,
finer ones and those without a codebook with 23 to 27 dB, and plain drawings are easier. A picture
that is all gray has 8 to 10 dB.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.models.codebook import look_up
from engine.self_check.questions import draw_shape
from engine.self_check.results import Cause, PartResult
from engine.self_check.scenes import draw_scene

LEAST_PSNR = 14.0
"""Least peak signal-to-noise ratio of a picture that comes back, the mean in dB."""
MOST_COLOR_ERROR = 0.12
"""Greatest mean error of the colors of an 8 x 8 grid."""
LEAST_CODES = 8
"""Least number of different cells in all drawings."""
MOST_MOVED = 0.85
"""Greatest distance of the encoder's output from its codes, in its standard deviations."""
LOWEST, HIGHEST = -0.6, 1.6
"""Limits of the values of a decoded picture, which are nominally from 0 to 1."""
KNOWN_WITHIN = 0.1
"""Greatest mean difference to the known answers in float32, in dB."""
_SHAPES = (
    ("circle", "red", "blue"),
    ("star", "yellow", "black"),
    ("square", "green", "white"),
    ("triangle", "purple", "orange"),
)
_SCENES = ("a simple drawing of a house", "the flag of Germany")
_GRID = 8
_PLACES = 4
_PERFECT = 1e-6


@dataclass(frozen=True)
class _Returned:
    """Drawings that were encoded and decoded, (N, 3, H, W)."""

    settled: Tensor
    """By way of the codebook, if there is one."""
    plain: Tensor
    """Without it."""
    cells: int
    """Number of different cells of all latents."""
    moved: float
    """Distance of the encoder's output from its codes, in its standard deviations."""


def check_generator(
    name: str,
    generator: Any,
    digest: str,
    side: int,
    known: Sequence[float] = (),
    *,
    shapes_only: bool = False,
    tick: Callable[[], None] = lambda: None,
) -> PartResult:
    """Check a generator on its own device by drawings of `side` pixels.

    It is an autoencoder whose latents are a tensor, with a codebook, or a generator whose state is
    several tensors and which settles it itself. One that cannot encode has nothing to check.
    The other arguments are those of `engine.self_check.perceptor.check_perceptor`.
    """
    pictures = [draw_shape(side, *shape) for shape in _SHAPES]
    if not shapes_only:
        pictures += [draw_scene(scene, side) for scene in _SCENES]
    drawings = torch.stack(pictures).to(generator.device)
    back = _come_back(generator, drawings, tick)
    if back is None:
        return PartResult("generator", name, digest, ())
    answers = tuple(round(value, 2) for value in _psnr(back.settled, drawings))
    figures: dict[str, float] = {
        "psnr": fmean(answers),
        "psnr-without-codes": fmean(_psnr(back.plain, drawings)),
        "color-error": _color_error(back.settled, drawings),
        "different-cells": back.cells,
        "moved-to-codes": back.moved,
        "lowest": back.settled.min().item(),
        "highest": back.settled.max().item(),
    }
    causes: list[Cause] = []
    if _is_wrong(figures):
        causes.append(_likeliest(generator, drawings, back, figures, tick))
    if len(known) == len(answers):  # otherwise they answer other questions
        figures["from-known"] = _gap(answers, known)
        if not causes and _is_float32(generator) and figures["from-known"] > KNOWN_WITHIN:
            causes.append(Cause.ANSWERS)
    rounded = {key: round(value, _PLACES) for key, value in figures.items()}
    return PartResult("generator", name, digest, tuple(causes), rounded, answers)


@torch.no_grad()
def _come_back(
    generator: Any, drawings: Tensor, tick: Callable[[], None] = lambda: None
) -> _Returned | None:
    """Encode and decode drawings one by one, which takes the least memory.

    Returns None if the generator cannot encode.
    """
    settled: list[Tensor] = []
    plain: list[Tensor] = []
    latents: list[Tensor] = []
    codes: list[Tensor] = []
    for drawing in drawings.split(1):
        tick()
        state = generator.encode(drawing)
        if state is None:
            return None
        quantized = _settle(generator, state)
        settled.append(generator.decode(quantized))
        plain.append(generator.decode(state))
        latents.append(state if isinstance(state, Tensor) else state[0])
        codes.append(quantized if isinstance(quantized, Tensor) else quantized[0])
    own, rounded = torch.cat(latents), torch.cat(codes)
    moved = (own - rounded).square().mean().sqrt() / own.std().clamp(min=_PERFECT)
    cells = rounded.movedim(1, -1).flatten(0, -2).unique(dim=0)
    return _Returned(torch.cat(settled), torch.cat(plain), len(cells), moved.item())


def _settle(generator: Any, state: Any) -> Any:
    """Return what the generator makes a picture of: the nearest codes, if it has a codebook."""
    if not isinstance(state, Tensor):
        return generator.settled(state, generator.ways[0], None)
    cells = state.movedim(1, -1).flatten(1, 2)
    nearest = torch.cdist(cells, generator.codebook[None]).argmin(-1)
    return look_up(nearest.view(len(state), *state.shape[2:]), generator.codebook)


def _psnr(pictures: Tensor, truth: Tensor) -> list[float]:
    """Return the peak signal-to-noise ratio of each picture in dB, at most 60."""
    error = (pictures.clamp(0, 1) - truth).square().mean((1, 2, 3)).clamp(min=_PERFECT)
    return (-10 * error.log10()).tolist()


def _color_error(pictures: Tensor, truth: Tensor) -> float:
    return F.adaptive_avg_pool2d(pictures.clamp(0, 1) - truth, _GRID).abs().mean().item()


def _is_wrong(figures: Mapping[str, float]) -> bool:
    """Return True if figures are beyond a threshold; NaN is beyond every one."""
    return not (
        figures["psnr"] >= LEAST_PSNR
        and figures["color-error"] <= MOST_COLOR_ERROR
        and figures["different-cells"] >= LEAST_CODES
        and figures["moved-to-codes"] <= MOST_MOVED
        and figures["lowest"] >= LOWEST
        and figures["highest"] <= HIGHEST
    )


def _likeliest(
    generator: Any,
    drawings: Tensor,
    back: _Returned,
    figures: Mapping[str, float],
    tick: Callable[[], None],
) -> Cause:
    """Return why drawings do not come back as they were."""
    if figures["psnr-without-codes"] >= LEAST_PSNR:
        return Cause.CODEBOOK
    if fmean(_psnr(back.settled.flip(1), drawings)) >= LEAST_PSNR:
        return Cause.COLOR_ORDER
    # If the encoder takes [0, 1] where it is given [-1, 1], and the decoder returns [0, 1].
    lowered = _come_back(generator, (drawings + 1) / 2, tick)
    if lowered and fmean(_psnr(lowered.settled * 2 - 1, drawings)) >= LEAST_PSNR:
        return Cause.VALUE_RANGE
    return Cause.WEIGHTS


def _gap(answers: Sequence[float], known: Sequence[float]) -> float:
    return fmean(abs(one - other) for one, other in zip(answers, known, strict=True))


def _is_float32(generator: Any) -> bool:
    network = getattr(generator, "network", generator)
    return all(each.dtype == torch.float32 for each in network.parameters())
