"""Other ways to use a perceptor's weights, which work better if the weights were meant for them.

Nobody can say without the weights how many pictures a published perceptor recognizes. But the
weights themselves tell how they want to be used: with another activation, normalization, order of
colors or numbering of tokens, right ones recognize less.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import open_clip
import torch
from open_clip.model import CustomTextCLIP
from open_clip.transformer import QuickGELU as OpenClipQuickGELU
from torch import Tensor, nn

from engine.models.clip import ClipPerceptor
from engine.models.frozen_layers import QuickGELU
from engine.self_check.results import Cause

_NORMALIZATIONS = (
    (Cause.NORMALIZATION, open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD),
    (Cause.NORMALIZATION, (0.5,) * 3, (0.5,) * 3),  # SigLIP's
    (Cause.VALUE_RANGE, (0.0,) * 3, (1.0,) * 3),
    (Cause.VALUE_RANGE, (0.0,) * 3, (1 / 255,) * 3),
)
_NEARLY = 1e-3
"""Difference below which two normalizations are the same."""


@dataclass(frozen=True)
class Variant:
    """Another way to use a perceptor, and what is wrong with it if that one works better."""

    cause: Cause
    change: Callable[[], AbstractContextManager[None]]
    """Changes the perceptor within a block, and restores it afterwards."""
    sees: bool = False
    """True if pictures get other embeddings."""
    reads: bool = False
    """True if words get other embeddings."""


def variants(perceptor: ClipPerceptor) -> Iterator[Variant]:
    """Yield the other ways to use a perceptor."""
    if _activations(perceptor.model):
        swap = partial(_swapped_activation, perceptor)
        yield Variant(Cause.ACTIVATION, swap, sees=True, reads=True)
    for cause, mean, std in _NORMALIZATIONS:
        if _differs(perceptor.mean, mean) or _differs(perceptor.std, std):
            yield Variant(cause, partial(_normalized, perceptor, mean, std), sees=True)
    yield Variant(Cause.COLOR_ORDER, partial(_color_order_reversed, perceptor), sees=True)
    renumbered = partial(_renumbered, most=_vocabulary(perceptor) - 1)
    for change in (_moved, renumbered):
        for by in (-1, 1):
            reading = partial(_reading, perceptor, partial(change, by=by))
            yield Variant(Cause.WORDS, reading, reads=True)


def _vocabulary(perceptor: ClipPerceptor) -> int:
    """Return the number of tokens that the text tower knows."""
    model = perceptor.model
    tower: Any = model.text if isinstance(model, CustomTextCLIP) else model
    return tower.vocab_size


def _activations(model: nn.Module) -> list[tuple[nn.Module, str, nn.Module]]:
    """Return the activations of a model with their parents and names."""
    kinds = (nn.GELU, QuickGELU, OpenClipQuickGELU)
    return [
        (parent, name, child)
        for parent in model.modules()
        for name, child in parent.named_children()
        if isinstance(child, kinds)
    ]


@contextmanager
def _swapped_activation(perceptor: ClipPerceptor) -> Iterator[None]:
    found = _activations(perceptor.model)
    try:
        for parent, name, child in found:
            setattr(parent, name, QuickGELU() if isinstance(child, nn.GELU) else nn.GELU())
        yield
    finally:
        for parent, name, child in found:
            setattr(parent, name, child)


def _differs(own: Tensor, other: Sequence[float]) -> bool:
    return (own.flatten().cpu() - torch.tensor(other)).abs().max().item() > _NEARLY


@contextmanager
def _normalized(
    perceptor: ClipPerceptor, mean: Sequence[float], std: Sequence[float]
) -> Iterator[None]:
    own = perceptor.mean, perceptor.std
    try:
        perceptor.mean = own[0].new_tensor(mean).view(1, 3, 1, 1)
        perceptor.std = own[1].new_tensor(std).view(1, 3, 1, 1)
        yield
    finally:
        perceptor.mean, perceptor.std = own


@contextmanager
def _color_order_reversed(perceptor: ClipPerceptor) -> Iterator[None]:

    def reverse(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return inputs[0].flip(1), *inputs[1:]

    visual: Any = perceptor.model.visual
    hook = visual.register_forward_pre_hook(reverse)
    try:
        yield
    finally:
        hook.remove()


@contextmanager
def _reading(perceptor: ClipPerceptor, change: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """Let the text tower read other tokens: `change` gets them, (N, context)."""
    own: Any = perceptor.tokenizer
    holder: Any = perceptor

    def tokenize(texts: list[str]) -> Tensor:
        return change(own(texts))

    try:
        holder.tokenizer = tokenize
        yield
    finally:
        holder.tokenizer = own


def _moved(tokens: Tensor, by: int) -> Tensor:
    """Return tokens that are at other places in the context, by some places."""
    return tokens.roll(by, 1)


def _renumbered(tokens: Tensor, by: int, most: int) -> Tensor:
    """Return tokens with other numbers, at most `most`; those that fill up the context stay."""
    return torch.where(tokens > 0, (tokens + by).clamp(1, most), tokens)
