"""Paints many recipes on all cores: one process a core, each with models of its own."""

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context

import numpy as np

import engine


def paint_all(recipes: Sequence["engine.Recipe"]) -> list[np.ndarray]:
    """The finished pictures (H, W, 3), bytes, in the order of `recipes`."""
    cores = len(os.sched_getaffinity(0))
    with ProcessPoolExecutor(cores, get_context("spawn")) as pool:
        return list(pool.map(_paint, recipes))


def _paint(recipe: "engine.Recipe") -> np.ndarray:
    return np.asarray(engine.paint(recipe, _models(recipe.models)))


@cache
def _models(name: str) -> "engine.Models":
    import torch

    torch.set_num_threads(1)  # the other cores have processes of their own
    return engine.load_models(name, "cpu")
