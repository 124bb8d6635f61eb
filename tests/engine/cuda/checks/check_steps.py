"""What a step does on CUDA: it waits for nothing, copies nothing and allocates nothing new."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks.lib.architectures import SMALL, paper_pair, paper_recipe
from engine import Generation, Models, Recipe, edit_recipe, make_recipe
from engine.recipes.augmentations import PAPER
from engine.recipes.edit import ImagePrompt
from engine.vqgan_clip import loop
from engine.vqgan_clip.memory_plan import PLANS
from engine.vqgan_clip.safety import CHECK_INTERVAL
from tests.engine.cuda.null_runtime import NullRuntime

pytestmark = pytest.mark.filterwarnings("ignore:Synchronization debug mode is a prototype")

WAITS = ("synchronization", "copy device to pageable", "copy pageable", "copy device to pinned")
"""Events in which the program waits for the device, or copies from memory that it must wait for."""
COPIES = ("transpose_copy",)
"""Kernels that only change the order of a tensor in memory."""


def painted(**changes: Any) -> Recipe:
    values: dict[str, Any] = {"seed": 1, "size": (32, 32), "cutouts": 10, "augmentations": PAPER}
    return make_recipe(changes.pop("prompt", "a red circle"), **values | changes)


def picture(side: int) -> Image.Image:
    levels = np.random.default_rng(1).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(levels).resize((side, side), Image.Resampling.NEAREST)


def png() -> bytes:
    buffer = BytesIO()
    picture(32).save(buffer, "PNG")
    return buffer.getvalue()


def edited(*, masked: bool = False, keep: float = 0.5) -> Recipe:
    levels = np.pad(np.full((24, 24), 255, np.uint8), 20)
    mask = Image.fromarray(levels) if masked else None
    settings: Any = {"cutouts": 4, "augmentations": PAPER}
    return edit_recipe("a red circle", picture(64), seed=1, mask=mask, keep=keep, **settings)


RECIPES = {
    "the paper's augmentations": painted(),
    "codebook sampling": painted(quantization="codebook-sampling"),
    "no quantization": painted(quantization="none"),
    "several prompts": painted(prompt="a red circle | blue:0.5 | text:-0.3:-0.8"),
    "an image prompt": replace(painted(), image_prompts=(ImagePrompt(png()),)),
    "an initial picture": painted(start="image", init_image=png(), start_noise=0.5),
    "a masked edit": edited(masked=True, keep=0.0),
    "an edit that keeps much": edited(),
    "a tile": painted(tile="both"),
    "a masked edit of a tile": replace(edited(masked=True, keep=0.0), tile="x"),
}


@contextmanager
def without_waiting() -> Iterator[None]:
    """Raise an error in the block where the program waits for the device, with its line."""
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


def take_quiet_steps(runs: list[Generation], runtime: NullRuntime, steps: int = 2) -> None:
    """Take steps of warmed-up runs that wait for nothing and allocate nothing."""
    runtime.reset()
    with without_waiting():
        for _ in range(steps):
            assert loop.step(runs) == [None] * len(runs)
    events = runtime.events()
    assert not [name for name in events if any(part in name for part in (*WAITS, *COPIES))]
    assert events["cudaMalloc"] == 0
    assert sum(events.values()) > 100 * steps


@pytest.mark.parametrize("name", RECIPES)
def test_step_waits_for_nothing(name: str, models: Models, runtime: NullRuntime):
    runtime.set_value_read(0)
    run = Generation(RECIPES[name], models)
    run.step()
    run.step()
    take_quiet_steps([run], runtime)


@pytest.mark.parametrize("plan", PLANS[1:], ids=str)
def test_step_with_less_memory_waits_for_nothing(plan: Any, models: Models, runtime: NullRuntime):
    run = Generation(painted(), models, plan)
    run.step()
    run.step()
    take_quiet_steps([run], runtime)


def test_shared_step_waits_for_nothing(models: Models, runtime: NullRuntime):
    runs = [Generation(painted(seed=seed), models) for seed in (1, 2)]
    loop.step(runs)
    loop.step(runs)
    take_quiet_steps(runs, runtime)


def test_values_are_checked_together(models: Models, runtime: NullRuntime):
    """Whether values are finite is read once in 16 steps, which is all that waits."""
    run = Generation(painted(), models)
    run.step()
    run.step()
    take_quiet_steps([run], runtime, CHECK_INTERVAL - 3)
    runtime.reset()
    run.step()
    assert run.steps_done == run.guard.last_finite_steps + 1 == CHECK_INTERVAL
    events = runtime.events()
    assert events["copy device to pageable"] == events["synchronization cudaStreamSynchronize"] == 1
    take_quiet_steps([run], runtime)


def test_values_that_are_not_finite_are_found(models: Models, runtime: NullRuntime):
    run = Generation(painted(), models)
    run.step()
    runtime.set_value_read(0)  # all flags are false
    with pytest.raises(Exception, match="diverged at step 1"):
        run.image()


def test_launches_stay_within_budget(models: Models, runtime: NullRuntime):
    """A small step takes as long as its launches, so that their number may only fall."""
    run = Generation(make_recipe("a red circle", seed=1), models)
    run.step()
    runtime.reset()
    run.step()
    assert 0 < runtime.count("launch kernel") <= 600
    assert 0 < runtime.count("launch cu") <= 100
    assert runtime.count("memset") <= 30


def launches(layers: int, runtime: NullRuntime) -> int:
    """Count the kernels of a step of narrow models with the paper's layers, some in each tower."""
    models = paper_pair(
        "cuda", precision="bfloat16", sizes=replace(SMALL, perceptor=(32, 64, layers))
    )
    run = Generation(paper_recipe(64, 4), models)
    run.step()
    runtime.reset()
    run.step()
    return runtime.count("launch kernel")


def test_launches_of_the_papers_pair_stay_within_budget(runtime: NullRuntime):
    """The kernels of all twelve layers follow from those of one and of two."""
    first, second = launches(1, runtime), launches(2, runtime)
    assert 0 < first < second
    assert first + 11 * (second - first) <= 1030
