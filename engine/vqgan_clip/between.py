"""Frames between the painted ones of a film: computed from both neighbors, by the known camera."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from engine.recipes.film import Film
from engine.vqgan_clip.camera import moved


@torch.no_grad()
def with_between(frames: Iterable[Tensor], film: Film, seed: int) -> Iterator[Tensor]:
    """Yield painted frames (1, 3, H, W) in [0, 1], and `film.between` more after each.

    A frame between two is both of them, moved to where the camera is then, faded into each other.
    After the last one follow the frames that lead a loop back to the first; a film that is no loop
    ends there.

    Args:
        frames: The painted frames in their order, maybe fewer than those of `film`.
        film: The film.
        seed: Seed of its recipe.
    """
    first = last = None
    number = 0
    for number, frame in enumerate(frames):
        if last is not None:
            yield from _between(last, frame, film, seed, number - 1)
        yield frame
        first, last = frame if first is None else first, frame
    if first is not None and last is not None and film.loop and number + 1 == film.frames:
        yield from _between(last, first, film, seed, number)


def _between(before: Tensor, after: Tensor, film: Film, seed: int, number: int) -> Iterator[Tensor]:
    for index in range(1, film.between + 1):
        share = index / (film.between + 1)
        place = number + share
        forward = moved(before, film, seed, number, place)
        backward = moved(after, film, seed, number + 1, place)
        yield torch.lerp(forward, backward, share)
