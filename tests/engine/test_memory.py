import re
import subprocess
import sys
from itertools import pairwise

import pytest
import torch

from engine import Recipe, RecipeError, make_recipe
from engine.catalogue import CATALOGUE
from engine.memory import available_memory, choose_plan, running_out_is_an_error, step_memory
from engine.plan import PLANS

DEMO = CATALOGUE["demo"]
GIGABYTE = 10**9

PEAK = """
import re
from pathlib import Path

import torch
from engine import Generation, load_models, make_recipe
from engine.plan import PLANS


def peak():
    return 1024 * int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])


before = peak()
recipe = make_recipe("a red circle", seed=1, size=({0}, {0}), cutouts={1})
run = Generation(recipe, load_models("demo", device="cpu"), PLANS[{2}])
run.step()
run.step()
print(peak() - before)
"""
"""Resident memory is that of this process alone; getrusage would count the tests' own as well."""


def of_side(side: int, cutouts: int = 8) -> Recipe:
    return make_recipe("a red circle", seed=1, size=(side, side), cutouts=cutouts)


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
@pytest.mark.parametrize("number", range(len(PLANS)))
def test_a_run_takes_what_was_estimated_and_not_more(number: int):
    command = [sys.executable, "-c", PEAK.format(256, 32, number)]
    taken = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert taken <= step_memory(of_side(256, 32), DEMO, PLANS[number]) <= 2 * taken


def test_more_of_anything_takes_more():
    usual = step_memory(of_side(64), DEMO)
    assert step_memory(of_side(128), DEMO) > usual
    assert step_memory(of_side(64, cutouts=64), DEMO) > usual


def test_attention_makes_memory_grow_faster_than_the_pixels():
    assert step_memory(of_side(1024), DEMO) > 8 * step_memory(of_side(512), DEMO)


def test_each_plan_takes_less_than_the_one_before():
    taken = [step_memory(of_side(256, 32), DEMO, plan) for plan in PLANS]
    assert taken == sorted(set(taken), reverse=True)


def test_a_run_gets_the_fastest_plan_that_fits():
    recipe = of_side(256, 32)
    for faster, plan in pairwise(PLANS):
        assert choose_plan(recipe, DEMO, step_memory(recipe, DEMO, plan)) == plan
        assert choose_plan(recipe, DEMO, step_memory(recipe, DEMO, faster)) == faster


def test_the_refusal_names_the_largest_square_that_fits():
    with pytest.raises(RecipeError, match=r"need about \d+\.\d GB .* 3\.0 GB are free") as raised:
        choose_plan(of_side(4096), DEMO, 3 * GIGABYTE)
    found = re.search(r"at most (\d+)x\1 fits", str(raised.value))
    assert found
    side = int(found[1])
    choose_plan(of_side(side), DEMO, 3 * GIGABYTE)
    with pytest.raises(RecipeError):
        choose_plan(of_side(side + DEMO.factor), DEMO, 3 * GIGABYTE)


def test_where_nothing_fits_the_refusal_says_so():
    with pytest.raises(RecipeError, match="no size fits"):
        choose_plan(of_side(64), DEMO, 0)


def test_this_machine_can_paint_the_default_without_saving():
    recipe = of_side(DEMO.side)
    assert choose_plan(recipe, DEMO, available_memory(torch.device("cpu"))) == PLANS[0]


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
