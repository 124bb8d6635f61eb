import io
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from engine import (
    DivergedError,
    Generation,
    Models,
    PictureError,
    Recipe,
    RecipeError,
    edit_recipe,
    make_recipe,
)
from engine.models.clip import ClipPerceptor
from engine.models.latent_generator import vqgan_of
from engine.models.protocols import Perceptor
from engine.models.tensors import to_tensor
from engine.recipes.augmentations import Augmentations
from engine.vqgan_clip.schedules import EXTRA_ROUND_RATE

QUANTIZATIONS = ["z-quantize", "none", "codebook-sampling"]


def small(prompt: str = "a red circle", **changes: Any) -> Recipe:
    """Make a recipe that is painted quickly."""
    return make_recipe(
        prompt, **({"seed": 1, "size": (32, 32), "steps": 6, "cutouts": 2} | changes)
    )


def finish(generation: Generation) -> Tensor:
    while not generation.done:
        generation.step()
    return generation.image()


def painted(recipe: Recipe, models: Models) -> Tensor:
    return finish(Generation(recipe, models))


def losses(recipe: Recipe, models: Models) -> list[float]:
    generation = Generation(recipe, models)
    found: list[float] = []
    for _ in range(recipe.steps):
        generation.step()
        found.append(generation.loss)
    return found


def png(size: tuple[int, int] = (32, 32)) -> bytes:
    """Return the PNG file of a picture with four coloured quarters."""
    picture = Image.new("RGB", (2, 2))
    picture.putdata([(215, 35, 40), (40, 80, 215), (245, 245, 245), (40, 160, 60)])
    buffer = io.BytesIO()
    picture.resize(size, Image.Resampling.NEAREST).save(buffer, "PNG")
    return buffer.getvalue()


def through_a_file(state: dict[str, Any]) -> dict[str, Any]:
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


# --- The same recipe, the same picture


@pytest.mark.parametrize("quantization", QUANTIZATIONS)
def test_same_recipe_same_picture(models: Models, quantization: str):
    recipe = small(quantization=quantization)
    first, second = Generation(recipe, models), Generation(recipe, models)
    assert [first.step() for _ in range(6)] == [second.step() for _ in range(6)]
    assert torch.equal(first.image(), second.image())


@pytest.mark.parametrize("quantization", QUANTIZATIONS)
def test_interleaved_runs_equal_separate_runs(models: Models, quantization: str):
    recipes = small(quantization=quantization), small("a blue star", seed=2, cutouts=3)
    alone = [painted(recipe, models) for recipe in recipes]
    runs = [Generation(recipe, models) for recipe in recipes]
    while not all(run.done for run in runs):
        for run in runs:
            run.step()
            run.image()
    assert torch.equal(runs[0].image(), alone[0])
    assert torch.equal(runs[1].image(), alone[1])


@pytest.mark.parametrize("quantization", QUANTIZATIONS)
def test_restored_run_ends_in_the_same_picture(models: Models, quantization: str):
    recipe = small(quantization=quantization, steps=9, smoothness=1.0, learning_rate_end=0.1)
    run = Generation(recipe, models)
    for _ in range(3):
        run.step()
    state = through_a_file(run.state_dict())
    whole = finish(run)
    resumed = Generation(recipe, models)
    resumed.load_state_dict(state)
    assert resumed.steps_done == 3
    assert torch.equal(finish(resumed), whole)


@pytest.mark.parametrize("steps", [0, 2])
def test_state_can_be_restored_repeatedly(models: Models, steps: int):
    run = Generation(small(quantization="none"), models)
    for _ in range(steps):
        run.step()
    state = run.state_dict()
    once = finish(run)
    for _ in range(2):
        run.load_state_dict(state)
        assert run.steps_done == steps
        assert torch.equal(finish(run), once)


def test_other_seed_other_picture(models: Models):
    assert not torch.equal(painted(small(seed=1), models), painted(small(seed=2), models))


def test_global_random_generators_are_untouched(models: Models):
    def states() -> tuple[bytes, Any, bytes]:
        torch_state = torch.get_rng_state().numpy().tobytes()
        return torch_state, random.getstate(), np.random.get_state(legacy=False)["state"]["key"]

    before = states()
    for quantization in QUANTIZATIONS:
        painted(small(quantization=quantization, preset="paper", steps=2, cutouts=2), models)
    painted(small(start="noise"), models)
    after = states()
    assert after[:2] == before[:2]
    assert np.array_equal(after[2], before[2])


@pytest.mark.parametrize("quantization", QUANTIZATIONS)
def test_state_is_small(models: Models, quantization: str):
    run = Generation(make_recipe("a star", seed=1, quantization=quantization), models)
    run.step()
    file = io.BytesIO()
    torch.save(run.state_dict(), file)
    assert file.tell() < 5_000_000


# --- The paper's formulas


def nearest(latent: Tensor, codebook: Tensor) -> Tensor:
    cells = latent[0].flatten(1).T
    codes = torch.stack([(codebook - cell).square().sum(1).argmin() for cell in cells])
    return codebook[codes].T.view_as(latent)


def paper_loss(
    latent: Tensor, alpha: float, recipe: Recipe, models: Models
) -> tuple[float, Tensor]:
    """Compute the loss and its gradient on z, transcribed literally from Sections 2 to 2.4."""
    z = latent.detach().clone().requires_grad_()
    vqgan = vqgan_of(models.generator)
    quantized = nearest(z.detach(), vqgan.codebook)
    decoded = vqgan.decode(z + (quantized - z).detach())
    image = decoded.detach().clamp(0, 1).requires_grad_()
    (perceptor,) = models.perceptors
    assert isinstance(perceptor, ClipPerceptor)
    mean = torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(3, 1, 1)
    std = torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(3, 1, 1)
    seen = F.normalize(perceptor.model.encode_image((image - mean) / std), dim=1)
    clip_loss = torch.zeros(())
    total = sum(abs(prompt.weight) for prompt in recipe.prompts)
    for prompt in recipe.prompts:
        with torch.no_grad():
            wanted = perceptor.model.encode_text(perceptor.tokenizer([prompt.text]))
        angle = (seen * F.normalize(wanted, dim=1)).sum().arccos()
        clip_loss = clip_loss + prompt.weight / total * angle**2 / 2
    clip_loss.backward()
    gradient = image.grad
    assert gradient is not None
    # Of a value outside [0, 1], only a pull back inside counts.
    gradient[(decoded < 0) & (gradient > 0) | (decoded > 1) & (gradient < 0)] = 0
    decoded.backward(gradient)
    regularizer = alpha * z.square().mean()
    regularizer.backward()
    assert z.grad is not None
    return (clip_loss + regularizer).item(), z.grad


def gradient_taken(before: dict[str, Any], after: dict[str, Any]) -> Tensor:
    """Return the gradient of a step, from Adam's first moment before and after it."""
    moments = after["optimizer"]["state"][0]["exp_avg"]
    if before["steps_done"] == 0:
        return moments / 0.1
    return (moments - 0.9 * before["optimizer"]["state"][0]["exp_avg"]) / 0.1


@pytest.mark.parametrize("prompt", ["a red circle", "a red circle | fog:-0.5 | a blue star:2"])
def test_loss_and_gradient_equal_the_papers(models: Models, prompt: str):
    side = models.perceptors[0].input_size
    recipe = small(
        prompt,
        size=(side, side),
        steps=3,
        augmentations=Augmentations(),
        regularizer=0.6,
        regularizer_decay=0.1,
        smoothness=0.0,
    )
    alone = replace(models, perceptors=models.perceptors[:1])
    run = Generation(recipe, alone)
    for step in range(3):
        before = run.state_dict()
        run.step()
        expected, slope = paper_loss(before["latent"], 0.6 * 0.9**step, recipe, alone)
        gradient = gradient_taken(before, run.state_dict())
        assert run.loss == pytest.approx(expected, rel=1e-5)
        assert F.cosine_similarity(gradient.flatten(), slope.flatten(), dim=0) > 0.99999
        assert (gradient - slope).norm() < 1e-3 * slope.norm()


def test_step_is_adam_with_the_papers_betas(models: Models):
    run = Generation(small(learning_rate=0.15, learning_rate_end=1.0), models)
    latent = run.state_dict()["latent"]
    first, second = torch.zeros_like(latent), torch.zeros_like(latent)
    for step in range(1, 4):
        before = run.state_dict()
        run.step()
        gradient = gradient_taken(before, run.state_dict())
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient.square()
        scale = (second / (1 - 0.999**step)).sqrt() + 1e-8
        latent = latent - 0.15 * first / (1 - 0.9**step) / scale
        torch.testing.assert_close(run.state_dict()["latent"], latent, rtol=1e-3, atol=1e-3)


def test_step_uses_the_scheduled_learning_rate(models: Models):
    run = Generation(small(steps=4, learning_rate=0.4, learning_rate_end=0.5), models)
    rates = []
    while not run.done:
        run.step()
        rates.append(run.state_dict()["optimizer"]["param_groups"][0]["lr"])
    cosines = [math.cos(math.pi * step / 4) for step in range(4)]
    assert rates == pytest.approx([0.4 * (0.5 + 0.5 * (1 + cosine) / 2) for cosine in cosines])


def test_extra_rounds_have_their_own_cosine(models: Models):
    recipe = small(steps=2, more=(3, 1), learning_rate=0.4, learning_rate_end=0.1)
    run = Generation(recipe, models)
    rates = []
    while not run.done:
        run.step()
        rates.append(run.state_dict()["optimizer"]["param_groups"][0]["lr"])
    assert run.steps_done == 6
    peak = 0.4 * EXTRA_ROUND_RATE
    middle, late = ((1 + math.cos(math.pi * share)) / 2 for share in (1 / 3, 2 / 3))
    between = [0.04 + (peak - 0.04) * each for each in (middle, late)]
    assert rates == pytest.approx([0.4, 0.22, peak, *between, peak])


def test_constant_learning_rate_stays_constant_in_extra_rounds(models: Models):
    run = Generation(small(steps=1, more=(2,), learning_rate=0.4, learning_rate_end=1.0), models)
    while not run.done:
        run.step()
        assert run.state_dict()["optimizer"]["param_groups"][0]["lr"] == pytest.approx(0.4)


@pytest.mark.parametrize("quantization", QUANTIZATIONS)
def test_run_with_extra_rounds_begins_as_the_one_without(models: Models, quantization: str):
    options = {"quantization": quantization, "smoothness": 1.0, "learning_rate_end": 0.1}
    short, long = (Generation(small(more=more, **options), models) for more in ((), (4,)))
    assert [short.step() for _ in range(6)] == [long.step() for _ in range(6)]
    assert short.done
    assert not long.done
    assert torch.equal(short.image(), long.image())
    assert not torch.equal(finish(long), short.image())


def test_optimiser_reduces_the_loss(models: Models):
    recipe = small(
        steps=15, augmentations=Augmentations(), regularizer=0.0, learning_rate=0.05, cutouts=1
    )
    values = losses(replace(recipe, quantization="none"), models)
    assert values[-1] < values[0]


def test_smoothness_counts_only_late_in_a_run(models: Models):
    rough, smooth = (losses(small(steps=10, smoothness=value), models) for value in (0.0, 5.0))
    assert smooth[:5] == rough[:5]
    assert smooth[5] > rough[5]


def test_perceptors_are_averaged(models: Models):
    twice = replace(models, perceptors=models.perceptors[:1] * 2)
    once = replace(models, perceptors=models.perceptors[:1])
    recipe = small(augmentations=Augmentations(), steps=1)
    assert losses(recipe, twice) == pytest.approx(losses(recipe, once))


# --- Prompts


def test_only_the_ratio_of_prompt_weights_counts(models: Models):
    ones = losses(small("a red circle | fog"), models)
    assert losses(small("a red circle:0.5 | fog:0.5"), models) == ones
    assert losses(small("a red circle:1e-300 | fog:1e-300"), models) == ones


def test_prompt_of_weight_0_changes_nothing(models: Models):
    recipe = small("a red circle", augmentations=Augmentations())
    with_fog = replace(recipe, prompts=small("a red circle | fog:0").prompts)
    assert losses(with_fog, models) == pytest.approx(losses(recipe, models))


def test_negative_weight_negates_the_loss(models: Models):
    towards, away = (
        losses(small(prompt, regularizer=0.0, steps=1), models)
        for prompt in ("a red circle", "a red circle:-1")
    )
    assert away == [-loss for loss in towards]


def test_prompt_at_its_stop_value_changes_nothing(models: Models):
    options = {"regularizer": 0.0, "smoothness": 0.0, "quantization": "none", "steps": 3}
    reached = Generation(small("a red circle:1:5", **options), models)
    start = reached.image()
    assert torch.equal(finish(reached), start)
    assert not torch.equal(painted(small("a red circle:1:0", **options), models), start)


# --- Every option runs


@pytest.mark.parametrize(
    "recipe",
    [
        small(),
        small(quantization="none"),
        small(quantization="codebook-sampling"),
        small(start="noise"),
        small(start="noise", quantization="none"),
        small(init_image=png()),
        small(init_image=png(), quantization="none"),
        small(init_image=png(), start_noise=10),
        small(steps=2, more=(3, 1)),
        small(size=(48, 20)),
        small(size=(20, 48), preset="paper", steps=3, cutouts=2),
        small("a red circle | a blue background:0.5 | fog:-0.3:-2 | nothing:0"),
        small("🎨 دائرة حمراء 红色的圆圈"),
        small(steps=1, cutouts=1),
    ],
    ids=lambda recipe: f"{recipe.quantization} {recipe.start} {recipe.width}x{recipe.height}",
)
def test_run_ends_in_a_picture(models: Models, recipe: Recipe):
    run = Generation(recipe, models)
    start = run.state_dict()["latent"]
    image = finish(run)
    assert run.steps_done == recipe.total_steps
    assert image.shape == (1, 3, recipe.height, recipe.width)
    assert image.isfinite().all()
    assert image.min() >= 0
    assert image.max() <= 1
    assert not torch.equal(run.state_dict()["latent"], start)


def test_run_does_not_change_models(models: Models):
    vqgan = vqgan_of(models.generator)
    codebook = vqgan.codebook.clone()
    painted(small(), models)
    assert torch.equal(vqgan.codebook, codebook)
    assert vqgan.codebook.grad is None


# --- Where a run starts


def test_start_codes_is_codebook_entries(models: Models):
    latent = Generation(small(), models).state_dict()["latent"]
    assert torch.equal(latent, nearest(latent, vqgan_of(models.generator).codebook))


def test_start_noise_is_encoded_random_pixels(models: Models):
    pixels = torch.rand((1, 3, 32, 32), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = vqgan_of(models.generator).encode(pixels)
    latent = Generation(small(start="noise"), models).state_dict()["latent"]
    torch.testing.assert_close(latent, expected)


@torch.no_grad()
def test_start_image_is_its_reconstruction(models: Models):
    content = png((48, 32))
    recipe = small(init_image=content, size=(48, 32))
    vqgan = vqgan_of(models.generator)
    with Image.open(io.BytesIO(content)) as picture:
        latent = vqgan.encode(to_tensor(picture))
    plain = vqgan.decode(latent).clamp(0, 1)
    quantized = vqgan.decode(nearest(latent, vqgan.codebook)).clamp(0, 1)
    start = Generation(replace(recipe, quantization="none"), models).image()
    torch.testing.assert_close(start, plain)
    torch.testing.assert_close(Generation(recipe, models).image(), quantized)


@torch.no_grad()
def test_start_noise_scales_with_the_latents_deviation(models: Models):
    recipes = [small(init_image=png(), start_noise=noise) for noise in (0.0, 0.5, 1.0)]
    runs = [Generation(recipe, models) for recipe in recipes]
    plain, half, whole = (run.state_dict()["latent"] for run in runs)
    noise = (whole - plain) / plain.std(correction=0)
    assert 0.9 < noise.std() < 1.1
    assert abs(noise.mean()) < 0.1
    torch.testing.assert_close(half - plain, (whole - plain) / 2, rtol=1e-3, atol=1e-4)
    again = Generation(recipes[2], models).state_dict()["latent"]
    assert torch.equal(again, whole)
    other = Generation(replace(recipes[2], seed=2), models).state_dict()["latent"]
    assert not torch.equal(other, whole)


def test_start_noise_stays_inside_the_mask(models: Models):
    source = Image.open(io.BytesIO(png((64, 64))))
    mask = Image.new("L", source.size)
    mask.paste(255, (8, 8, 16, 16))
    recipe = edit_recipe("a star", source, seed=1, mask=mask)
    plain, moved = (
        Generation(replace(recipe, start_noise=noise), models).state_dict()["latent"]
        for noise in (0.0, 1.0)
    )
    changed = (plain != moved).any(1)[0]
    assert changed[2:4, 2:4].all()
    assert changed.sum() == 4


@pytest.mark.parametrize(
    ("recipe", "error", "culprit"),
    [
        (small(init_image=png((32, 48))), RecipeError, "is 32x48 pixels, but the picture 32x32"),
        (small(init_image=png((64, 64))), RecipeError, "is 64x64 pixels, but the picture 32x32"),
        (small(init_image=b"rubbish"), PictureError, "it is not a picture"),
        (small(init_image=png()[:-30]), PictureError, "cut off"),
        (small(size=(34, 32)), RecipeError, "34x32 is off the latent grid.* multiples of 4"),
        (small(size=(32, 33)), RecipeError, "32x33 is off the latent grid.* multiples of 4"),
        (replace(small(), models="large"), RecipeError, "models 'large', not 'demo'"),
    ],
)
def test_unsuitable_recipe_refused(
    models: Models, recipe: Recipe, error: type[Exception], culprit: str
):
    with pytest.raises(error, match=culprit):
        Generation(recipe, models)


# --- What is not a number


class FailingPerceptor:
    """A perceptor whose picture embeddings `fail` from the third step on."""

    def __init__(self, perceptor: Perceptor, fail: Callable[[Tensor], Tensor]) -> None:
        self.perceptor = perceptor
        self.input_size = perceptor.input_size
        self.encode_text = perceptor.encode_text
        self.truncate_to_context = perceptor.truncate_to_context
        self.fail = fail
        self.calls = 0

    def encode_image(self, images: Tensor) -> Tensor:
        self.calls += 1
        embeddings = self.perceptor.encode_image(images)
        return self.fail(embeddings) if self.calls > 2 else embeddings


def with_nan_values(embeddings: Tensor) -> Tensor:
    return embeddings * math.nan


def with_nan_gradient(embeddings: Tensor) -> Tensor:
    embeddings.register_hook(lambda gradient: gradient * math.nan)
    return embeddings


@pytest.mark.parametrize("fail", [with_nan_values, with_nan_gradient])
def test_diverged_run_keeps_last_good_picture(models: Models, fail: Callable[[Tensor], Tensor]):
    perceptors: Sequence[Perceptor] = [FailingPerceptor(p, fail) for p in models.perceptors]
    run = Generation(small(quantization="none"), replace(models, perceptors=tuple(perceptors)))
    run.step()
    good = run.image()
    run.step()
    assert not torch.equal(run.image(), good)
    with pytest.raises(DivergedError, match="diverged at step 3: try a lower learning rate"):
        run.step()
    assert torch.equal(run.image(), good)
    assert run.steps_done == 1
    with pytest.raises(DivergedError):
        run.step()
    assert torch.equal(run.image(), good)


def test_last_seen_is_the_picture_before_the_last_step(models: Models) -> None:
    generation = Generation(small(), models)
    with pytest.raises(ValueError, match="no step"):
        _ = generation.last_seen
    generation.step()
    before = generation.image()
    generation.step()
    assert torch.equal(generation.last_seen, before)


@pytest.mark.parametrize("quantization", QUANTIZATIONS)
def test_a_tile_is_decoded_and_shown_across_its_edges(models: Models, quantization: Any):
    plain, tile = (small(quantization=quantization, tile=each) for each in ("none", "both"))
    start = Generation(tile, models)
    assert torch.equal(start.latent, Generation(plain, models).latent)  # the same codes
    run = Generation(tile, models)
    while not run.done:
        run.step()
    settled = models.generator.settled(run.state, quantization, None)
    with torch.no_grad():
        expected = models.generator.decode(settled, tile="both").clamp(0, 1)
    assert torch.equal(run.image(), expected)
    assert not torch.equal(run.image(), painted(plain, models))


def test_a_stopped_tile_goes_on_with_the_same_picture(models: Models):
    recipe = small(tile="x", smoothness=1.0)
    run, resumed = Generation(recipe, models), Generation(recipe, models)
    run.step()
    resumed.load_state_dict(run.state_dict())
    assert torch.equal(finish(resumed), finish(run))
