"""Memory on CUDA: estimates, the fall-back to thriftier plans, and where tensors are."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

import pytest
import torch
from torch import Tensor, nn

from engine import Generation, Models, Recipe, load_models, make_recipe
from engine.models.catalogue import find_models
from engine.models.demo_entries import JUDGE_BYTES
from engine.models.latent_generator import vqgan_of
from engine.models.memory import available_memory
from engine.vqgan_clip.memory_estimate import estimate_peak
from engine.vqgan_clip.memory_plan import PLANS, MemoryPlan
from tests.engine.cuda.null_runtime import NullRuntime


def painted(side: int = 32, cutouts: int = 10) -> Recipe:
    return make_recipe("a red circle", seed=1, size=(side, side), cutouts=cutouts)


def peak_of_step(run: Generation) -> int:
    """Return the bytes that are allocated at most during a step, with the models'."""
    run.step()
    torch.cuda.reset_peak_memory_stats()
    run.step()
    return torch.cuda.max_memory_allocated()


@pytest.fixture(scope="module", params=["float32", "bfloat16"])
def either(request: pytest.FixtureRequest) -> Iterator[tuple[Models, bool, int]]:
    """Load the demo pair in each precision, with whether it is bfloat16, and what it takes."""
    torch._C._cuda_clearCublasWorkspaces()  # pyright: ignore[reportPrivateUsage]
    before = torch.cuda.memory_allocated()
    models = load_models("demo", "cuda", request.param)
    Generation(painted(), models).step()
    yield models, request.param == "bfloat16", torch.cuda.memory_allocated() - before


@pytest.mark.parametrize(("side", "cutouts"), [(64, 8), (64, 256), (256, 32), (512, 16), (512, 64)])
@pytest.mark.parametrize("plan", PLANS, ids=str)
def test_estimate_is_just_above_what_a_run_takes(
    plan: MemoryPlan, side: int, cutouts: int, either: tuple[Models, bool, int]
):
    models, is_bf16, fixed = either
    recipe, entry = painted(side, cutouts), find_models("demo")
    before = torch.cuda.memory_allocated()
    taken = fixed + peak_of_step(Generation(recipe, models, plan)) - before
    estimate = estimate_peak(recipe, entry, plan, is_bf16=is_bf16, is_cuda=True)
    assert taken <= estimate - JUDGE_BYTES <= 1.25 * taken  # the judge is not loaded here


@pytest.mark.parametrize(("side", "cutouts"), [(64, 8), (512, 16)])
@pytest.mark.parametrize("plan", PLANS, ids=str)
def test_estimate_of_a_tile_is_just_above_what_it_takes(
    plan: MemoryPlan, side: int, cutouts: int, either: tuple[Models, bool, int]
):
    models, is_bf16, fixed = either
    recipe, entry = replace(painted(side, cutouts), tile="both"), find_models("demo")
    before = torch.cuda.memory_allocated()
    taken = fixed + peak_of_step(Generation(recipe, models, plan)) - before
    estimate = estimate_peak(recipe, entry, plan, is_bf16=is_bf16, is_cuda=True)
    assert taken <= estimate - JUDGE_BYTES <= 1.25 * taken  # the judge is not loaded here


def test_run_out_of_memory_continues_with_next_plan(models: Models, runtime: NullRuntime):
    """The step that does not fit is taken by a plan that needs less, with real errors."""
    recipe = painted(64, 128)
    peaks = [peak_of_step(Generation(recipe, models, plan)) for plan in PLANS[:2]]
    assert peaks[1] < peaks[0]
    run = Generation(recipe, models)
    torch.cuda.empty_cache()
    runtime.set_total(sum(peaks) // 2)
    run.step()
    assert run.plan == PLANS[1]
    assert run.steps_done == 1


def test_run_that_only_the_thriftiest_plan_fits_goes_on(models: Models, runtime: NullRuntime):
    """The plan holds for the cutting of the views too, which takes much for large pictures."""
    recipe = painted(512, 64)
    peaks = [peak_of_step(Generation(recipe, models, plan)) for plan in PLANS]
    assert peaks[2] < 0.9 * peaks[1] < 0.9 * peaks[0]
    run = Generation(recipe, models)
    torch.cuda.empty_cache()
    runtime.set_total(peaks[1] - 2**20)
    run.step()
    assert run.plan == PLANS[2]
    assert run.steps_done == 1


def test_memory_that_is_free_is_seen(runtime: NullRuntime):
    device = torch.device("cuda")
    torch.cuda.empty_cache()
    runtime.set_total(torch.cuda.memory_reserved() + 10**9)
    assert (
        0.99e9
        <= available_memory(device) - (torch.cuda.memory_reserved() - torch.cuda.memory_allocated())
        <= 1e9
    )


def test_run_is_resumed(models: Models):
    """The state has that of the device's generator, and its tensors stay on the device."""
    recipe = painted()
    run = Generation(recipe, models)
    run.step()
    later = Generation(recipe, models)
    later.load_state_dict(run.state_dict())
    assert later.steps_done == 1
    for each in (run, later):
        each.step()
    assert torch.equal(run.rng.get_state(), later.rng.get_state())
    assert all(tensor.is_cuda for tensor in tensors_of(later))


def test_everything_is_on_the_device(models: Models):
    run = Generation(painted(), models)
    run.step()
    modules = (vqgan_of(models.generator), *models.perceptors)
    weights = [each.state_dict().values() for each in modules if isinstance(each, nn.Module)]
    assert len(weights) == 2
    found = [*chain(*weights), *tensors_of(run)]
    assert len(found) > 100
    assert all(tensor.is_cuda for tensor in found)
    assert run.rng.device.type == "cuda"


def tensors_of(run: Generation) -> Iterator[Tensor]:
    """Yield all tensors that a run holds besides its models."""
    moments = chain(*(each.values() for each in run.optimizer.state.values()))
    states = run.state, run.guard.last_finite, run.targets
    for value in chain(vars(run).values(), vars(run.guard).values(), *states, moments):
        if isinstance(value, Tensor):
            yield value
