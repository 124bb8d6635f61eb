"""Paint many recipes on all cores, with a process per core that has its own models."""

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context

import numpy as np

import engine


def paint_all(recipes: Sequence["engine.Recipe"]) -> list[np.ndarray]:
    """Return the finished pictures (H, W, 3) as bytes, in the order of `recipes`."""
    cores = len(os.sched_getaffinity(0))
    with ProcessPoolExecutor(cores, get_context("spawn")) as pool:
        return list(pool.map(_paint, recipes))


def _paint(recipe: "engine.Recipe") -> np.ndarray:
    return np.asarray(engine.paint(recipe, _models(recipe.models)))


@cache
def _models(name: str) -> "engine.Models":
    import torch

    torch.set_num_threads(1)  # other processes use the other cores
    return engine.load_models(name, "cpu")
