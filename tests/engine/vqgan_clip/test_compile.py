"""Compiled models paint the same picture up to rounding; a failing compiler does no harm."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from engine import Generation, Models, Recipe, load_models, make_recipe
from engine.vqgan_clip.batching import can_batch
from engine.vqgan_clip.compile import compile_models
from engine.vqgan_clip.loop import step
from engine.vqgan_clip.memory_plan import PLANS

# Torch reads the attribute while it compiles, and hides the warning unless warnings are errors.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning"),
]


def recipe(**changes: Any) -> Recipe:
    return make_recipe(
        "a red circle", **({"seed": 1, "size": (32, 32), "steps": 2, "cutouts": 3} | changes)
    )


def painted(models: Models) -> torch.Tensor:
    run = Generation(recipe(), models)
    while not run.done:
        run.step()
    return run.image()


class Backend:
    """A compiler that changes nothing, and counts the graphs that it compiles and runs."""

    def __init__(self) -> None:
        self.compiled = 0
        self.calls = 0

    def __call__(self, graph: Any, _: Any) -> Callable[..., Any]:
        self.compiled += 1

        def forward(*values: Any) -> Any:
            self.calls += 1
            return graph.forward(*values)

        return forward


@pytest.fixture
def own() -> Iterator[Models]:
    """Load models that a test may compile in place."""
    yield load_models("demo", "cpu", "float32")
    torch.compiler.reset()


def test_compile_paints_the_same_picture(models: Models, own: Models):
    backend = Backend()
    compile_models(own, backend)
    torch.testing.assert_close(painted(own), painted(models), rtol=0, atol=0.05)
    assert backend.compiled >= 2  # decoder and image tower
    assert backend.calls >= 4  # both, in both steps


def test_compile_happens_once_per_shape(own: Models):
    backend = Backend()
    compile_models(own, backend)
    painted(own)
    compiled = backend.compiled
    painted(own)
    assert backend.compiled == compiled


def test_compile_failure_leaves_models_as_they_are(
    models: Models, own: Models, caplog: pytest.LogCaptureFixture
):
    def broken(*_: Any) -> Any:
        raise RuntimeError("no compiler is installed")

    compile_models(own, broken)
    with caplog.at_level(logging.ERROR):
        image = painted(own)
    assert torch.equal(image, painted(models))
    assert caplog.text.count("cannot be compiled") == 2  # decoder and image tower, once each
    assert "no compiler is installed" in caplog.text


def test_compile_passes_on_that_memory_ran_out(own: Models):
    def full(*_: Any) -> Callable[..., Any]:
        def forward(*_: Any) -> Any:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")

        return forward

    compile_models(own, full)
    with pytest.raises(torch.OutOfMemoryError):
        Generation(recipe(), own, PLANS[-1]).step()


@pytest.mark.parametrize("plan", PLANS[1:], ids=str)
def test_compile_works_with_plans_that_save_memory(own: Models, plan: Any):
    compile_models(own, Backend())
    run = Generation(recipe(cutouts=12), own, plan)
    run.step()
    assert run.image().isfinite().all()


def test_compiled_runs_share_steps(own: Models):
    compile_models(own, Backend())
    runs = [Generation(recipe(seed=seed), own) for seed in (1, 2)]
    assert can_batch(*runs)
    assert step(runs) == [None, None]
    assert all(run.image().isfinite().all() for run in runs)
