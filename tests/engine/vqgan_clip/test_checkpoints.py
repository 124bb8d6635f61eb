import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import load as read_tensors
from safetensors.torch import save as write_tensors
from torch import Tensor

from engine import CheckpointError, DivergedError, Generation, Models, Recipe, edit_recipe
from engine.images.image_io import read_picture
from engine.models.checkpoint_file import KEY, digest
from engine.vqgan_clip.checkpoints import dump, load
from tests.engine.vqgan_clip.test_generation import (
    QUANTIZATIONS,
    FailingPerceptor,
    finish,
    png,
    small,
    with_nan_values,
)


def run_of(recipe: Recipe, models: Models, steps: int) -> Generation:
    run = Generation(recipe, models)
    for _ in range(steps):
        run.step()
    return run


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return small(quantization="none")


@pytest.fixture(scope="module")
def checkpoint(recipe: Recipe, models: Models) -> bytes:
    return dump(run_of(recipe, models, 2).state_dict(), recipe)


# --- Going on


@pytest.mark.parametrize("steps", [0, 1, 4, 9])
@pytest.mark.parametrize("quantization", QUANTIZATIONS)
def test_resumed_run_equals_uninterrupted_run(models: Models, quantization: str, steps: int):
    recipe = small(quantization=quantization, steps=9, smoothness=1.0, learning_rate_end=0.1)
    run = run_of(recipe, models, steps)
    content = dump(run.state_dict(), recipe)
    whole = finish(run)
    resumed = Generation(recipe, models)
    resumed.load_state_dict(load(content, recipe))
    assert resumed.steps_done == steps
    assert torch.equal(finish(resumed), whole)
    assert dump(resumed.state_dict(), recipe) == dump(run.state_dict(), recipe)


@pytest.mark.parametrize("quantization", ["z-quantize", "none"])
def test_resumed_edit_equals_uninterrupted_edit(models: Models, quantization: Any):
    source = read_picture(png((48, 32)))
    mask = Image.new("L", source.size)
    mask.paste(255, (8, 8, 32, 24))
    edit = edit_recipe("a star", source, seed=1, mask=mask, steps=4, quantization=quantization)
    for recipe in (small(init_image=png(), quantization=quantization, steps=4), edit):
        run = run_of(replace(recipe, cutouts=2), models, 2)
        content = dump(run.state_dict(), run.recipe)
        resumed = Generation(run.recipe, models)
        resumed.load_state_dict(load(content, run.recipe))
        assert torch.equal(finish(resumed), finish(run))


def test_checkpoint_after_every_step_changes_nothing(models: Models):
    recipe = small()
    whole = finish(Generation(recipe, models))
    run = Generation(recipe, models)
    while not run.done:
        content = dump(run.state_dict(), recipe)
        run = Generation(recipe, models)
        run.load_state_dict(load(content, recipe))
        run.step()
    assert torch.equal(run.image(), whole)


def test_resumed_run_that_diverges_keeps_last_good_picture(models: Models):
    recipe = small(quantization="none")
    run = run_of(recipe, models, 1)
    good = run.image()
    run.step()
    perceptors = tuple(FailingPerceptor(each, with_nan_values) for each in models.perceptors)
    for each in perceptors:
        each.calls = 2
    resumed = Generation(recipe, replace(models, perceptors=perceptors))
    resumed.load_state_dict(load(dump(run.state_dict(), recipe), recipe))
    with pytest.raises(DivergedError):
        resumed.step()
    assert resumed.steps_done == 1
    assert torch.equal(resumed.image(), good)


def test_dump_is_deterministic(models: Models, recipe: Recipe):
    states = [run_of(recipe, models, 2).state_dict() for _ in range(2)]
    assert dump(states[0], recipe) == dump(states[1], recipe)


@pytest.mark.parametrize(
    ("before", "steps", "after"),
    [
        ((), 0, (4,)),
        ((), 6, (4,)),
        ((3,), 6, ()),
        ((3,), 6, (5,)),
        ((3,), 7, (3, 2)),
        ((3,), 9, (3, 2)),
    ],
)
def test_checkpoint_resumes_with_extra_rounds(
    models: Models, before: tuple[int, ...], steps: int, after: tuple[int, ...]
):
    shorter, longer = small(more=before), small(more=after)
    content = dump(run_of(shorter, models, steps).state_dict(), shorter)
    resumed = Generation(longer, models)
    resumed.load_state_dict(load(content, longer))
    assert torch.equal(finish(resumed), finish(Generation(longer, models)))


@pytest.mark.parametrize(
    ("before", "steps", "after"),
    [((3,), 7, ()), ((3,), 7, (5,)), ((3, 2), 10, (3, 1)), ((3,), 9, (4,))],
)
def test_checkpoint_refused_if_a_begun_round_differs(
    models: Models, before: tuple[int, ...], steps: int, after: tuple[int, ...]
):
    recipe = small(more=before)
    content = dump(run_of(recipe, models, steps).state_dict(), recipe)
    with pytest.raises(CheckpointError, match="another recipe"):
        load(content, small(more=after))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_cpu_checkpoint_refused_on_gpu(checkpoint: bytes, recipe: Recipe):
    with pytest.raises(CheckpointError, match="another kind of device"):
        load(checkpoint, recipe, "cuda")


# --- What is refused


@pytest.mark.parametrize(
    "other",
    [
        small(quantization="none", seed=2),
        small(quantization="none", steps=7),
        small("a blue star", quantization="none"),
        small(quantization="none", size=(48, 32)),
        small(),
    ],
)
def test_checkpoint_of_another_recipe_refused(checkpoint: bytes, other: Recipe):
    with pytest.raises(CheckpointError, match="another recipe"):
        load(checkpoint, other)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"rubbish",
        b"\x80\x04K\x01.",  # a pickle
        bytes(64),
        b"\xff" * 64,
        (2).to_bytes(8, "little") + b"{}",
        (9).to_bytes(8, "little") + b"[" * 9,
        write_tensors({"latent": torch.zeros(1)}),
        write_tensors({"latent": torch.zeros(1)}, {KEY: "[]"}),
        write_tensors({"latent": torch.zeros(1)}, {KEY: "{}"}),
        write_tensors({"latent": torch.zeros(1)}, {KEY: "[" * 100_000}),
    ],
)
def test_other_files_refused(content: bytes, recipe: Recipe):
    with pytest.raises(CheckpointError, match="damaged"):
        load(content, recipe)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 1, exclude_max=True), flipped=st.integers(1, 255))
def test_single_wrong_byte_refused(checkpoint: bytes, recipe: Recipe, share: float, flipped: int):
    place = int(share * len(checkpoint))
    content = bytearray(checkpoint)
    content[place] ^= flipped
    with pytest.raises(CheckpointError):
        load(bytes(content), recipe)


@pytest.mark.parametrize("kept", [7, 8, 100, 5000, -1])
def test_truncated_checkpoint_refused(checkpoint: bytes, recipe: Recipe, kept: int):
    with pytest.raises(CheckpointError, match="damaged"):
        load(checkpoint[:kept], recipe)
    with pytest.raises(CheckpointError, match="damaged"):
        load(checkpoint + bytes(8), recipe)


def forged(
    checkpoint: bytes,
    tensors: Callable[[dict[str, Tensor]], dict[str, Any]] = lambda _: {},
    **changes: Any,
) -> bytes:
    """Change tensors and values of a checkpoint, None to remove them, and correct its SHA-256.

    As a fault of this program would write it, or somebody who means harm.
    """
    old = read_tensors(checkpoint)
    header = json.loads(checkpoint[8 : 8 + int.from_bytes(checkpoint[:8], "little")])
    values = json.loads(header["__metadata__"][KEY]) | changes
    del values["sha256"]
    values = {name: value for name, value in values.items() if value is not None}
    new = {name: each for name, each in (old | tensors(old)).items() if each is not None}
    text = json.dumps(values | {"sha256": digest(new, values)}, sort_keys=True)
    return write_tensors(new, {KEY: text})


def test_forged_without_changes_is_the_same(checkpoint: bytes):
    assert forged(checkpoint) == checkpoint


@pytest.mark.parametrize(
    ("changes", "culprit"),
    [
        ({"version": 2}, "another version"),
        ({"version": 4}, "another version"),
        ({"version": None}, "another version"),
        ({"plan": -1}, "unknown memory plan"),
        ({"plan": 4}, "unknown memory plan"),
        ({"plan": None}, "unknown memory plan"),
        ({"recipe": "0" * 64}, "another recipe"),
        ({"recipe": 7}, "another recipe"),
        ({"steps_done": -1}, "impossible number of steps"),
        ({"steps_done": 7}, "impossible number of steps"),
        ({"steps_done": True}, "impossible number of steps"),
        ({"steps_done": 2.0}, "impossible number of steps"),
        ({"steps_done": None}, "impossible number of steps"),
        ({"last_good_steps": 3}, "impossible number of steps"),
        ({"last_good_steps": "1"}, "impossible number of steps"),
        ({"optimizer_steps": 10**400}, "impossible number of steps"),
        ({"optimizer_steps": 0}, "not those of a run"),
    ],
)
def test_wrong_values_refused(
    checkpoint: bytes, recipe: Recipe, changes: dict[str, Any], culprit: str
):
    with pytest.raises(CheckpointError, match=culprit):
        load(forged(checkpoint, **changes), recipe)


def with_value(tensor: Tensor, value: float) -> Tensor:
    changed = tensor.clone()
    changed.view(-1)[5] = value
    return changed


@pytest.mark.parametrize(
    ("change", "culprit"),
    [
        (lambda t: {"latent": with_value(t["latent"], float("nan"))}, "latent has .* not finite"),
        (lambda t: {"last_good": with_value(t["latent"], float("inf"))}, "last_good .* not finite"),
        (lambda t: {"exp_avg": with_value(t["exp_avg"], float("-inf"))}, "exp_avg .* not finite"),
        (lambda t: {"exp_avg_sq": with_value(t["exp_avg_sq"], -1.0)}, "negative value"),
        (lambda t: {"latent": t["latent"].double()}, "latent has a wrong shape or type"),
        (lambda t: {"exp_avg": t["exp_avg"].half()}, "exp_avg has a wrong shape or type"),
        (
            lambda t: {"exp_avg": t["exp_avg"][..., 1:].contiguous()},
            "exp_avg has a wrong shape or type",
        ),
        (lambda t: {"last_good": t["latent"][0].clone()}, "last_good has a wrong shape or type"),
        (lambda _: {"exp_avg": None}, "not those of a run"),
        (lambda _: {"latent": None}, "not those of a run"),
        (lambda _: {"random": None}, "not those of a run"),
        (lambda _: {"brush": torch.zeros(1)}, "not those of a run"),
        (lambda t: {"random": t["random"][:-8]}, "random state is damaged"),
        (lambda t: {"random": torch.full_like(t["random"], 255)}, "random state is damaged"),
        (lambda t: {"random": t["random"].float()}, "random state is damaged"),
        (lambda _: {"random": torch.zeros(0, dtype=torch.uint8)}, "random state is damaged"),
    ],
)
def test_wrong_tensors_refused(
    checkpoint: bytes,
    recipe: Recipe,
    change: Callable[[dict[str, Tensor]], dict[str, Any]],
    culprit: str,
):
    wrong = forged(checkpoint, change)
    with pytest.raises(CheckpointError, match=culprit):
        load(wrong, recipe)


@pytest.mark.parametrize(
    "cut",
    [lambda t: t[:, :1].contiguous(), lambda t: t[..., :1].contiguous(), lambda t: t[:, :, :0]],
)
def test_latent_of_another_size_refused_and_run_unchanged(
    models: Models, checkpoint: bytes, recipe: Recipe, cut: Callable[[Tensor], Tensor]
):
    names = ("latent", "last_good", "exp_avg", "exp_avg_sq")
    wrong = forged(checkpoint, lambda t: {name: cut(t[name]).contiguous() for name in names})
    run = Generation(recipe, models)
    before = run.image()
    with pytest.raises(CheckpointError, match="does not fit"):
        run.load_state_dict(load(wrong, recipe))
    assert run.steps_done == 0
    assert torch.equal(run.image(), before)
