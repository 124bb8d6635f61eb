"""The schedules of a run."""

import math
from itertools import pairwise
from typing import Any

import pytest

from engine import Recipe, make_recipe
from engine.vqgan_clip.schedules import (
    EXTRA_ROUND_RATE,
    SMOOTH_FROM,
    alpha,
    learning_rate,
    smoothness_weight,
)


def recipe(**changes: Any) -> Recipe:
    options: dict[str, Any] = {"seed": 1, "steps": 100} | changes
    return make_recipe("a red circle", **options)


def test_learning_rate_falls_from_peak_to_end_along_half_a_cosine():
    rates = [
        learning_rate(recipe(learning_rate=0.4, learning_rate_end=0.25), n) for n in range(101)
    ]
    assert rates[0] == pytest.approx(0.4)
    assert rates[50] == pytest.approx(0.4 * (0.25 + 1) / 2)
    assert rates[100] == pytest.approx(0.4 * 0.25)
    assert all(later < earlier for earlier, later in pairwise(rates))


def test_learning_rate_of_the_paper_is_constant():
    constant = recipe(learning_rate=0.15, learning_rate_end=1.0, more=(50,))
    assert [learning_rate(constant, n) for n in range(150)] == [pytest.approx(0.15)] * 150


def test_learning_rate_rises_again_in_extra_rounds():
    rounds = recipe(steps=10, more=(20, 5), learning_rate=0.4, learning_rate_end=0.0)
    rates = [learning_rate(rounds, n) for n in range(35)]
    peaks = [n for n in range(1, 35) if rates[n] > rates[n - 1]]
    assert peaks == [10, 30]
    assert [rates[n] for n in peaks] == pytest.approx([0.4 * EXTRA_ROUND_RATE] * 2)


def test_alpha_decays_in_every_step():
    decaying = recipe(regularizer=0.6, regularizer_decay=0.005)
    assert [alpha(decaying, n) for n in (0, 1, 400)] == pytest.approx(
        [0.6, 0.6 * 0.995, 0.6 * math.exp(400 * math.log(0.995))]
    )


def test_smoothness_weight_rises_at_the_end_and_stays_in_extra_rounds():
    smooth = recipe(smoothness=2.0, more=(50,))
    start = round(100 * SMOOTH_FROM)
    weights = [smoothness_weight(smooth, n) for n in range(150)]
    assert weights[: start + 1] == [0.0] * (start + 1)
    assert all(earlier < later for earlier, later in pairwise(weights[start:101]))
    assert weights[100:] == [2.0] * 50
