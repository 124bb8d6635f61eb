"""Steps replayed as a CUDA graph: what they launch, and when steps are taken as they are."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import pytest
import torch

from engine import Generation, Models, Recipe
from engine.cli import main
from engine.models.catalogue import find_models
from engine.vqgan_clip import loop
from engine.vqgan_clip.cuda_graph import WARM_UP_STEPS, CudaGraphs, StepGraph
from engine.vqgan_clip.memory_estimate import estimate_graph, estimate_run
from engine.vqgan_clip.memory_plan import PLANS, MemoryPlan
from engine.vqgan_clip.painter import VqganClip
from tests.engine.cuda.checks.check_steps import RECIPES, WAITS, painted, without_waiting
from tests.engine.cuda.null_runtime import NullRuntime

pytestmark = pytest.mark.filterwarnings("ignore:Synchronization debug mode is a prototype")

CAPTURED = WARM_UP_STEPS + 1
"""Steps after which a graph is captured."""


def begin(models: Models, recipe: Recipe | None = None, plan: MemoryPlan = PLANS[0]) -> Generation:
    return VqganClip(models, CudaGraphs()).begin(recipe or painted(), plan)


def take(run: Generation, steps: int = CAPTURED) -> Generation:
    for _ in range(steps):
        run.step()
    return run


def graph_of(run: Generation) -> StepGraph:
    assert isinstance(run.graph, StepGraph)
    return run.graph


def check_replay(run: Generation, runtime: NullRuntime) -> None:
    """Check that a run's next step is one graph and few launches, and waits for nothing."""
    assert graph_of(run).is_captured
    runtime.reset()
    with without_waiting():
        run.step()
    events = runtime.events()
    assert events["launch graph"] == 1
    assert runtime.count("launch", "memset") <= 40
    assert not [name for name in events if any(part in name for part in WAITS)]
    assert events["cudaMalloc"] == 0


@pytest.mark.parametrize("name", RECIPES)
def test_step_is_replayed(name: str, models: Models, runtime: NullRuntime):
    runtime.set_value_read(0)  # a matrix that is inverted for an edit is not singular
    run = begin(models, RECIPES[name])
    runtime.set_value_read(1)
    take(run, CAPTURED + 1)
    check_replay(run, runtime)


@pytest.mark.parametrize("plan", PLANS[1:], ids=str)
def test_step_with_less_memory_is_replayed(plan: MemoryPlan, models: Models, runtime: NullRuntime):
    run = take(begin(models, plan=plan), CAPTURED + 1)
    check_replay(run, runtime)


def test_random_numbers_are_those_of_steps_without_graph(models: Models):
    """The generator is where it is without a graph, so that a run can be resumed anywhere."""
    run, other = begin(models), Generation(painted(), models)
    for steps in (1, CAPTURED, 3):
        take(run, steps)
        take(other, steps)
        assert torch.equal(run.rng.get_state(), other.rng.get_state())
    assert graph_of(run).is_captured


def test_run_is_resumed_with_a_graph(models: Models, runtime: NullRuntime):
    run = take(begin(models), CAPTURED + 2)
    later = begin(models)
    later.load_state_dict(run.state_dict())
    take(later)
    take(run)
    assert later.steps_done == run.steps_done
    assert torch.equal(later.rng.get_state(), run.rng.get_state())
    # A run goes back to an earlier state, too.
    run.load_state_dict(later.state_dict())
    check_replay(run, runtime)


def test_runs_that_share_a_step_take_it_without_graphs(models: Models, runtime: NullRuntime):
    graphs = VqganClip(models, CudaGraphs())
    runs = [take(graphs.begin(painted(seed=seed))) for seed in (1, 2)]
    runtime.reset()
    loop.step(runs)
    assert runtime.events()["launch graph"] == 0
    for run in runs:
        run.step()  # memory that the shared step has used is cached from now on
        check_replay(run, runtime)


def test_another_plan_gets_another_graph(models: Models, runtime: NullRuntime):
    run = take(begin(models))
    run.plan = PLANS[1]
    runtime.reset()
    run.step()
    assert not graph_of(run).is_captured
    assert runtime.events()["launch graph"] == 0
    take(run)
    check_replay(run, runtime)


def test_graph_that_computes_something_else_is_not_used(models: Models, runtime: NullRuntime):
    run, other = begin(models), take(Generation(painted(), models), CAPTURED + 2)
    take(run, CAPTURED - 1)
    runtime.set_value_read(0)  # the comparison is false
    run.step()
    runtime.set_value_read(1)
    check_fallen_back(run, other, runtime)


@contextmanager
def no_memory_to_capture(runtime: NullRuntime) -> Iterator[None]:
    """Let the device have no free memory while a step is captured."""
    record = StepGraph._record

    def starved(graph: StepGraph, run: loop.Run, plan: MemoryPlan) -> object:
        runtime.set_total(0)
        try:
            return record(graph, run, plan)
        finally:
            runtime.set_total(80 * 2**30)

    with patch.object(StepGraph, "_record", starved):
        yield


def test_run_without_memory_for_a_graph_goes_on(models: Models, runtime: NullRuntime):
    run, other = begin(models), take(Generation(painted(), models), CAPTURED + 2)
    with no_memory_to_capture(runtime):
        take(run)
    check_fallen_back(run, other, runtime)


def check_fallen_back(run: Generation, other: Generation, runtime: NullRuntime) -> None:
    """Check that steps are taken as they are, from the same random numbers as those of `other`."""
    assert graph_of(run).has_failed
    assert run.plan == PLANS[0]
    runtime.reset()
    take(run, 2)
    assert runtime.events()["launch graph"] == 0
    assert run.steps_done == other.steps_done
    assert torch.equal(run.rng.get_state(), other.rng.get_state())


def test_last_steps_are_not_worth_a_graph(models: Models):
    run = take(begin(models, painted(steps=CAPTURED + 2)), CAPTURED + 2)
    assert run.done
    assert not graph_of(run).is_captured


@pytest.mark.parametrize(("side", "cutouts"), [(64, 8), (64, 256), (256, 32), (512, 64)])
@pytest.mark.parametrize("plan", PLANS, ids=str)
def test_estimate_is_above_what_a_graph_keeps(
    plan: MemoryPlan, side: int, cutouts: int, models: Models
):
    recipe = painted(size=(side, side), cutouts=cutouts)
    torch.cuda.empty_cache()
    before = torch.cuda.memory_reserved()
    run = take(begin(models, recipe, plan))
    assert graph_of(run).is_captured
    torch.cuda.empty_cache()
    kept = torch.cuda.memory_reserved() - before
    estimate = estimate_graph(recipe, find_models("demo"), plan)
    assert kept <= estimate <= 1.75 * kept


def test_graph_leaves_memory_for_another_run(models: Models, runtime: NullRuntime):
    """A picture that begins is painted as planned, whatever the graphs of others keep."""
    recipe, entry = painted(size=(256, 256), cutouts=32), find_models("demo")
    graph, step = (
        estimate_graph(recipe, entry, PLANS[0]),
        estimate_run(recipe, entry, PLANS[0], is_cuda=True),
    )
    torch.cuda.empty_cache()
    runtime.set_total(torch.cuda.memory_reserved() + graph + step // 2)
    run = take(begin(models, recipe))
    assert graph_of(run).has_failed
    assert (run.steps_done, run.plan) == (CAPTURED, PLANS[0])
    runtime.set_total(torch.cuda.memory_reserved() + graph + 2 * step)
    run = take(begin(models, recipe))
    assert graph_of(run).is_captured
    other = take(Generation(recipe, models), 1)
    assert other.plan == PLANS[0]


def test_command_line_replays_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runtime: NullRuntime
):
    monkeypatch.chdir(tmp_path)
    Path("config.toml").write_text('[engine]\ndevice = "cuda"\ncuda_graphs = true\n')
    runtime.reset()
    size = ["--size", "32x32", "--steps", "16", "--seed", "1"]
    assert main(["imagine", "a red circle", *size, "--out", "a.png"]) == 0
    assert runtime.events()["launch graph"] >= 16 - CAPTURED
