"""Compilation delays no picture, and changes none but by rounding."""

import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from engine import Generation, Models, Recipe, make_recipe
from engine.vqgan_clip.batching import fit_together
from engine.vqgan_clip.compile import Compiler
from engine.vqgan_clip.memory_plan import PLANS

# Torch looks at it while it compiles, and hides the warning from whoever does not make it an error.
pytestmark = pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")


def recipe(**changes: Any) -> Recipe:
    return make_recipe(
        "a red circle", **({"seed": 1, "size": (32, 32), "steps": 2, "cutouts": 3} | changes)
    )


def painted(models: Models) -> torch.Tensor:
    run = Generation(recipe(), models)
    while not run.done:
        run.step()
    return run.image()


@pytest.fixture
def backend() -> Iterator[Any]:
    """A compiler that waits until it is told to go on, and then changes nothing."""
    told, used = threading.Event(), []

    def compile_graph(graph: Any, _: Any) -> Any:
        assert told.wait(600)
        used.append(graph)
        return graph.forward

    compile_graph.told, compile_graph.used = told, used  # pyright: ignore
    yield compile_graph
    told.set()
    torch.compiler.reset()


def done(models: Models, backend: Any) -> Compiler:
    """A compiler that has compiled the models for `recipe()`."""
    backend.told.set()
    compiler = Compiler(models, backend)
    compiler.models_for(recipe())
    compiler.wait()
    return compiler


def test_a_picture_does_not_wait_for_the_compiler(models: Models, backend: Any):
    compiler = Compiler(models, backend)
    assert compiler.models_for(recipe()) is models
    before = painted(compiler.models_for(recipe()))  # the compiler is still at work
    backend.told.set()
    compiler.wait()
    compiled = compiler.models_for(recipe())
    assert compiled is not models
    assert compiler.models_for(recipe(seed=2)) is compiled
    count = len(backend.used)
    assert count >= 2
    torch.testing.assert_close(painted(compiled), before, rtol=0, atol=0.05)
    assert len(backend.used) == count  # nothing was left to be compiled in a step
    compiler.close()


def test_each_shape_is_compiled_by_itself(models: Models, backend: Any):
    compiler = done(models, backend)
    assert compiler.models_for(recipe(cutouts=4)) is models
    compiler.close()


def test_where_compiling_fails_pictures_are_painted_all_the_same(
    models: Models, caplog: pytest.LogCaptureFixture
):
    def broken(*_: Any) -> Any:
        raise RuntimeError("no compiler is installed")

    compiler = Compiler(models, broken)
    compiler.models_for(recipe())
    with caplog.at_level(logging.ERROR):
        compiler.wait()
    assert compiler.models_for(recipe()) is models
    assert "cannot be compiled" in caplog.text
    assert "no compiler is installed" in caplog.text
    compiler.close()


def test_compiled_models_take_one_run_at_a_time(models: Models, backend: Any):
    compiler = done(models, backend)
    compiled = compiler.models_for(recipe())
    runs = [Generation(recipe(seed=seed), compiled) for seed in (1, 2)]
    assert not fit_together(*runs)
    compiler.close()


def test_a_plan_that_saves_memory_works_with_compiled_models(models: Models, backend: Any):
    compiler = done(models, backend)
    run = Generation(recipe(), compiler.models_for(recipe()), PLANS[-1])
    run.step()
    assert run.image().isfinite().all()
    compiler.close()
