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
from engine.models.catalogue import CATALOGUE, ModelEntry, add_models
from engine.vqgan_clip.memory_estimate import (
    Budget,
    choose_plan,
    fixed_memory,
    free_budget,
    running_out_is_an_error,
    step_memory,
)
from engine.vqgan_clip.memory_plan import PLANS
from engine.weights.settings import WeightsSettings

CPU = torch.device("cpu")
DEMO = CATALOGUE["demo"]
GIGABYTE = 10**9

PEAK = """
import re
from pathlib import Path

import torch
from engine import Generation, load_models, make_recipe
from engine.vqgan_clip.memory_plan import PLANS


def peak():
    return 1024 * int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])


before = peak()
recipe = make_recipe("a red circle", seed=1, size=({0}, {0}), cutouts={1})
run = Generation(recipe, load_models("demo", "cpu", "{3}"), PLANS[{2}])
run.step()
run.step()
print(peak() - before)
"""
"""Resident memory is that of this process alone; getrusage would count the tests' own as well."""


@pytest.fixture
def published(tmp_path: Path) -> Iterator[ModelEntry]:
    """The paper's pair, of which nothing is here but its figures."""
    with patch.dict(CATALOGUE):
        add_models(WeightsSettings(folder=tmp_path))
        yield CATALOGUE["imagenet-16384"]


def of_side(side: int, cutouts: int = 8) -> Recipe:
    return make_recipe("a red circle", seed=1, size=(side, side), cutouts=cutouts)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
@pytest.mark.parametrize(
    ("number", "precision"),
    [*((number, "float32") for number in range(len(PLANS))), (0, "bfloat16")],
)
def test_a_run_takes_what_was_estimated_and_not_more(number: int, precision: str):
    command = [sys.executable, "-c", PEAK.format(256, 32, number, precision)]
    taken = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    halves = precision == "bfloat16"
    estimate = step_memory(of_side(256, 32), DEMO, PLANS[number], halves=halves)
    assert taken <= estimate <= 2 * taken


def test_more_of_anything_takes_more():
    usual = step_memory(of_side(64), DEMO)
    assert step_memory(of_side(128), DEMO) > usual
    assert step_memory(of_side(64, cutouts=64), DEMO) > usual


def test_cutouts_take_more_of_a_picture_that_is_larger_than_they_are():
    """As long as more samples go into a pixel of theirs."""

    def cutouts(side: int) -> int:
        return step_memory(of_side(side, 64), DEMO) - step_memory(of_side(side, 8), DEMO)

    assert cutouts(64) < cutouts(128) < cutouts(256) == cutouts(1024)


def test_in_bfloat16_everything_takes_less_and_more_fits(published: ModelEntry):
    recipe = make_recipe("a castle", models=published.name, seed=1)
    for plan in PLANS:
        single = step_memory(recipe, published, plan)
        assert single / 2 < step_memory(recipe, published, plan, halves=True) < single
    assert fixed_memory(published, halves=True) < fixed_memory(published)
    enough = step_memory(recipe, published, halves=True)
    assert choose_plan(recipe, published, Budget(enough, halves=True)) == PLANS[0]
    assert choose_plan(recipe, published, Budget(enough)) != PLANS[0]


def test_what_is_free_goes_with_the_precision_that_is_computed_in(published: ModelEntry):
    assert free_budget(published, CPU, "bfloat16").halves
    assert not free_budget(published, CPU, "float32").halves
    assert not free_budget(DEMO, CPU, "auto").halves
    with pytest.raises(ModelError, match="no precision 'half'"):
        free_budget(published, CPU, "half")


def test_each_plan_takes_less_than_the_one_before():
    taken = [step_memory(of_side(256, 32), DEMO, plan) for plan in PLANS]
    assert taken == sorted(set(taken), reverse=True)


def test_a_run_gets_the_fastest_plan_that_fits():
    recipe = of_side(256, 32)
    for faster, plan in pairwise(PLANS):
        assert choose_plan(recipe, DEMO, Budget(step_memory(recipe, DEMO, plan))) == plan
        assert choose_plan(recipe, DEMO, Budget(step_memory(recipe, DEMO, faster))) == faster


def test_the_refusal_names_the_largest_square_that_fits():
    with pytest.raises(RecipeError, match=r"need about \d+\.\d GB .* 3\.0 GB are free") as raised:
        choose_plan(of_side(4096), DEMO, Budget(3 * GIGABYTE))
    found = re.search(r"at most (\d+)x\1 fits", str(raised.value))
    assert found
    side = int(found[1])
    choose_plan(of_side(side), DEMO, Budget(3 * GIGABYTE))
    with pytest.raises(RecipeError):
        choose_plan(of_side(side + DEMO.factor), DEMO, Budget(3 * GIGABYTE))


def test_where_nothing_fits_the_refusal_says_so():
    with pytest.raises(RecipeError, match="no size fits"):
        choose_plan(of_side(64), DEMO, Budget(0))


def test_this_machine_can_paint_the_default_without_saving():
    recipe = of_side(DEMO.side)
    assert choose_plan(recipe, DEMO, free_budget(DEMO, CPU, "auto")) == PLANS[0]


def test_memory_that_runs_out_all_the_same_is_an_error_of_the_recipe():
    with (
        pytest.raises(RecipeError, match="choose a smaller size"),
        running_out_is_an_error(of_side(64)),
    ):
        torch.empty(2**60)


def test_other_faults_pass():
    with (
        pytest.raises(RuntimeError, match="inconsistent|mul"),
        running_out_is_an_error(of_side(64)),
    ):
        torch.ones(2, 3).mm(torch.ones(2, 3))
