import re
import subprocess
import sys

import pytest
import torch

from engine import Recipe, RecipeError, make_recipe, memory
from engine.catalogue import CATALOGUE
from engine.memory import check_memory, running_out_is_an_error, step_memory

CPU = torch.device("cpu")
DEMO = CATALOGUE["demo"]
GIGABYTE = 10**9

PEAK = """
import re
from pathlib import Path

import torch
from engine import Generation, load_models, make_recipe


def peak():
    return 1024 * int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])


before = peak()
recipe = make_recipe("a red circle", seed=1, size=({0}, {0}), cutouts={1})
run = Generation(recipe, load_models("demo", device="cpu"))
run.step()
run.step()
print(peak() - before)
"""
"""Resident memory is that of this process alone; getrusage would count the tests' own as well."""


def of_side(side: int, cutouts: int = 8) -> Recipe:
    return make_recipe("a red circle", seed=1, size=(side, side), cutouts=cutouts)


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_a_run_takes_what_was_estimated_and_not_more():
    command = [sys.executable, "-c", PEAK.format(256, 32)]
    taken = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert taken <= step_memory(of_side(256, 32), DEMO) <= 2 * taken


def test_more_of_anything_takes_more():
    usual = step_memory(of_side(64), DEMO)
    assert step_memory(of_side(128), DEMO) > usual
    assert step_memory(of_side(64, cutouts=64), DEMO) > usual


def test_attention_makes_memory_grow_faster_than_the_pixels():
    assert step_memory(of_side(1024), DEMO) > 8 * step_memory(of_side(512), DEMO)


def test_the_refusal_names_the_largest_square_that_fits(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(memory, "available_memory", lambda _: 3 * GIGABYTE)
    with pytest.raises(RecipeError, match=r"need about 13348\.8 GB .* 3\.0 GB are free") as raised:
        check_memory(of_side(4096), DEMO, CPU)
    found = re.search(r"at most (\d+)x\1 fits", str(raised.value))
    assert found
    side = int(found[1])
    check_memory(of_side(side), DEMO, CPU)
    with pytest.raises(RecipeError):
        check_memory(of_side(side + DEMO.factor), DEMO, CPU)


def test_where_nothing_fits_the_refusal_says_so(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(memory, "available_memory", lambda _: 0)
    with pytest.raises(RecipeError, match="no size fits"):
        check_memory(of_side(64), DEMO, CPU)


def test_this_machine_can_paint_the_default():
    check_memory(of_side(DEMO.side), DEMO, CPU)


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
