"""Frames between the painted ones of a restyled clip: computed from both, by the clip's motion."""

from collections.abc import Iterable, Iterator
from itertools import islice

import torch
from torch import Tensor

from engine.images.stored_clip import clip_frames
from engine.models.tensors import to_tensor
from engine.recipes.film import Clip, Film
from engine.vqgan_clip.painted_frame import PaintedFrame

_LEAST = 1e-3
"""Weight of a neighbor whose pixels are not certain at all, so that all weights are above 0."""


@torch.no_grad()
def restyled_between(frames: Iterable[Tensor], film: Film, clip: Clip) -> Iterator[Tensor]:
    """Yield painted frames (1, 3, H, W) in [0, 1], and one for each frame of the clip between them.

    Those after the last painted one are computed from it alone.

    Args:
        frames: The painted frames in their order, maybe fewer than those of `film`.
        film: The film.
        clip: Its clip.
    """
    source = map(to_tensor, clip_frames(clip.video))
    last, count = None, 0
    for picture in frames:
        count += 1
        between = [] if last is None else list(islice(source, film.between))
        frame = PaintedFrame(picture, next(source), clip.keep_structure)
        if last is not None:
            yield from _between(between, last, frame)
        yield picture
        last = frame
    if last is not None and count == film.frames:
        yield from (last.seen_in(here)[0] for here in islice(source, film.between))


def _between(between: list[Tensor], before: PaintedFrame, after: PaintedFrame) -> Iterator[Tensor]:
    """Yield both neighbors as they are seen in each frame, faded by time and by certainty."""
    for index, here in enumerate(between, 1):
        share = index / (len(between) + 1)
        (first, is_first), (second, is_second) = before.seen_in(here), after.seen_in(here)
        early, late = (1 - share) * (is_first + _LEAST), share * (is_second + _LEAST)
        yield torch.lerp(first, second, late / (early + late))
