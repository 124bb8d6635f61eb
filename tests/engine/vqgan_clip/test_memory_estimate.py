import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from unittest.mock import patch

import pytest
import torch

from engine import ModelError, Recipe, RecipeError, make_recipe
from engine.models.catalogue import CATALOGUE, add_models
from engine.models.memory import Budget, estimate_fixed, free_budget
from engine.models.model_entry import ModelEntry
from engine.vqgan_clip.memory_estimate import choose_plan, estimate_peak, oom_as_recipe_error
from engine.vqgan_clip.memory_plan import PLANS
from engine.weights.settings import WeightsSettings

CPU = torch.device("cpu")
DEMO = CATALOGUE["demo"]
GIGABYTE = 10**9

PEAKS = """
import os
import re
from pathlib import Path

import torch
from engine import Generation, load_models, make_recipe
from engine.vqgan_clip.memory_plan import PLANS


def peak():
    return 1024 * int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])


def paint(plan, precision):
    before = peak()
    recipe = make_recipe("a red circle", seed=1, size=({0}, {0}), cutouts={1})
    run = Generation(recipe, load_models("demo", "cpu", precision), plan)
    run.step()
    run.step()
    print(peak() - before, flush=True)


for plan, precision in [*((plan, "float32") for plan in PLANS), (PLANS[0], "bfloat16")]:
    child = os.fork()
    if child == 0:
        paint(plan, precision)
        os._exit(0)
    os.waitpid(child, 0)
"""
"""Program that prints the peak resident memory of each plan, and of the first one in bfloat16.

Each has a process of its own, which begins with its own peak; all share the imports, which take
seconds.
"""


@pytest.fixture
def published(tmp_path: Path) -> Iterator[ModelEntry]:
    """Return the catalogue entry of the paper's pair, whose weights are not needed."""
    with patch.dict(CATALOGUE):
        add_models(WeightsSettings(folder=tmp_path))
        yield CATALOGUE["imagenet-16384"]


def of_side(side: int, cutouts: int = 8) -> Recipe:
    return make_recipe("a red circle", seed=1, size=(side, side), cutouts=cutouts)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_run_stays_within_estimate():
    command = [sys.executable, "-c", PEAKS.format(256, 32)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    recipe = of_side(256, 32)
    estimates = [estimate_peak(recipe, DEMO, plan) for plan in PLANS]
    estimates.append(estimate_peak(recipe, DEMO, PLANS[0], is_bf16=True))
    for estimate, taken in zip(estimates, map(int, printed.split()), strict=True):
        assert taken <= estimate <= 2 * taken


def test_estimate_grows_with_pixels_and_cutouts():
    usual = estimate_peak(of_side(64), DEMO)
    assert estimate_peak(of_side(128), DEMO) > usual
    assert estimate_peak(of_side(64, cutouts=64), DEMO) > usual


def test_estimate_of_cutouts_grows_with_supersampling():
    """Cutouts need more memory for larger pictures, as more samples go into each pixel."""

    def cutouts(side: int) -> int:
        return estimate_peak(of_side(side, 64), DEMO) - estimate_peak(of_side(side, 8), DEMO)

    assert cutouts(64) < cutouts(128) < cutouts(256) == cutouts(1024)


def test_estimate_is_lower_in_bfloat16(published: ModelEntry):
    recipe = make_recipe("a castle", models=published.name, seed=1)
    for plan in PLANS:
        single = estimate_peak(recipe, published, plan)
        assert single / 2 < estimate_peak(recipe, published, plan, is_bf16=True) < single
    assert estimate_fixed(published, is_bf16=True) < estimate_fixed(published)
    enough = estimate_peak(recipe, published, is_bf16=True)
    assert choose_plan(recipe, published, Budget(enough, is_bf16=True)) == PLANS[0]
    assert choose_plan(recipe, published, Budget(enough)) != PLANS[0]


def test_free_budget_knows_the_precision(published: ModelEntry):
    assert free_budget(published, CPU, "bfloat16").is_bf16
    assert not free_budget(published, CPU, "float32").is_bf16
    assert not free_budget(DEMO, CPU, "auto").is_bf16
    with pytest.raises(ModelError, match="no precision 'half'"):
        free_budget(published, CPU, "half")


def test_each_plan_needs_less_than_the_one_before():
    taken = [estimate_peak(of_side(256, 32), DEMO, plan) for plan in PLANS]
    assert taken == sorted(set(taken), reverse=True)


def test_choose_plan_returns_the_fastest_that_fits():
    recipe = of_side(256, 32)
    for faster, plan in pairwise(PLANS):
        assert choose_plan(recipe, DEMO, Budget(estimate_peak(recipe, DEMO, plan))) == plan
        assert choose_plan(recipe, DEMO, Budget(estimate_peak(recipe, DEMO, faster))) == faster


def test_choose_plan_refusal_names_the_largest_square():
    with pytest.raises(RecipeError, match=r"need about \d+\.\d GB .* 3\.0 GB are free") as raised:
        choose_plan(of_side(4096), DEMO, Budget(3 * GIGABYTE))
    found = re.search(r"at most (\d+)x\1 fits", str(raised.value))
    assert found
    side = int(found[1])
    choose_plan(of_side(side), DEMO, Budget(3 * GIGABYTE))
    with pytest.raises(RecipeError):
        choose_plan(of_side(side + DEMO.factor), DEMO, Budget(3 * GIGABYTE))


def test_choose_plan_refusal_if_nothing_fits():
    with pytest.raises(RecipeError, match="no size fits"):
        choose_plan(of_side(64), DEMO, Budget(0))


def test_default_recipe_fits_without_saving_memory():
    recipe = of_side(DEMO.side)
    assert choose_plan(recipe, DEMO, free_budget(DEMO, CPU, "auto")) == PLANS[0]


def test_out_of_memory_becomes_recipe_error():
    with (
        pytest.raises(RecipeError, match="choose a smaller size"),
        oom_as_recipe_error(of_side(64)),
    ):
        torch.empty(2**60)


def test_other_errors_pass_through():
    with (
        pytest.raises(RuntimeError, match="inconsistent|mul"),
        oom_as_recipe_error(of_side(64)),
    ):
        torch.ones(2, 3).mm(torch.ones(2, 3))
