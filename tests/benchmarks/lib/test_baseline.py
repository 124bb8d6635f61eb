"""The baseline does the engine's work: the same loss, and augmentations of the same strengths."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from open_clip.model import CLIP
from safetensors.torch import load_file
from torch import Tensor

from benchmarks.lib.baseline import (
    Baseline,
    PlainModels,
    PlainVQGAN,
    augmentation_classes,
    random_crops,
    with_noise,
)
from engine import Generation, Models, Recipe, make_recipe
from engine.models.catalogue import find_models
from engine.models.loading import read_config
from engine.models.vqgan import VQGANConfig
from engine.recipes.augmentations import PAPER, Augmentations
from engine.vqgan_clip.cutouts import make_cutouts

pytestmark = pytest.mark.slow

COUNT, SIZE, SIDE = 3000, 16, 96
LOTS = 10
"""As many times a tenth of the cutouts is made, since all at once take half a gigabyte."""


@pytest.fixture(scope="module")
def plain(models: Models) -> PlainModels:
    """Build the demo pair from plain modules."""
    entry = find_models("demo")
    vqgan = PlainVQGAN(VQGANConfig.from_dict(read_config(entry.generator)))
    vqgan.load_state_dict(load_file(entry.generator))
    clip = CLIP(**read_config(entry.perceptors[0]))
    clip.load_state_dict(load_file(entry.perceptors[0]))
    perceptor = models.perceptors[0]
    return PlainModels(vqgan, clip, perceptor.tokenizer).frozen("cpu")  # pyright: ignore


def start(recipe: Recipe, models: Models, plain: PlainModels) -> tuple[Generation, Baseline]:
    """Start the engine's run and the baseline's, with the same latent and cutouts."""
    run = Generation(recipe, models)
    random = torch.Generator()
    random.set_state(run.rng.get_state())

    def cut(image: Tensor) -> Tensor:
        size = models.perceptors[0].input_size
        return make_cutouts(image, recipe.cutouts, size, recipe.augmentations, random)

    return run, Baseline(recipe, plain, run.latent, cut)


@pytest.mark.parametrize("prompt", ["a red circle", "a red circle | a blue star:2"])
def test_of_the_same_cutouts_loss_and_gradient_are_the_same(
    prompt: str, models: Models, plain: PlainModels
):
    recipe = make_recipe(prompt, seed=3, preset="paper", size=(32, 32), cutouts=3)
    run, baseline = start(recipe, models, plain)
    for _ in range(3):
        # From the same latent each time: Adam makes much of the rounding of small gradients.
        baseline.latent.data.copy_(run.latent.detach())
        loss = baseline.step()
        run.step()
        assert run.loss == pytest.approx(loss, rel=1e-5)
        ours, theirs = run.latent.grad, baseline.latent.grad
        assert ours is not None
        assert theirs is not None
        cosine = torch.cosine_similarity(ours.flatten(), theirs.flatten(), dim=0)
        assert cosine > 0.9999
        torch.testing.assert_close(ours.norm(), theirs.norm(), rtol=1e-3, atol=0)
        moved_alike = (run.latent - baseline.latent).abs() < 0.01 * recipe.learning_rate
        assert moved_alike.float().mean() > 0.98


def test_it_comes_closer_to_the_prompt_by_its_own_cutouts(plain: PlainModels):
    torch.manual_seed(5)
    recipe = make_recipe("a red circle", seed=3, preset="paper", size=(32, 32), cutouts=8)
    run = Baseline(recipe, plain)
    losses = [run.step() for _ in range(25)]
    assert sum(losses[-5:]) < 0.95 * sum(losses[:5])


def by_the_engine(image: Tensor, augmentations: Augmentations) -> Tensor:
    random = torch.Generator().manual_seed(1)
    lots = [make_cutouts(image, COUNT // LOTS, SIZE, augmentations, random) for _ in range(LOTS)]
    return torch.cat(lots)


def by_the_baseline(image: Tensor, augmentations: Augmentations) -> Tensor:
    torch.manual_seed(2)
    change = augmentation_classes(augmentations)
    lots = [change(random_crops(image, COUNT // LOTS, SIZE, augmentations)) for _ in range(LOTS)]
    return with_noise(torch.cat(lots), augmentations.noise)


def ramps() -> Tensor:
    """Return a picture whose first two colors are a pixel's position; the third is gray."""
    steps = 0.1 + 0.8 * (torch.arange(SIDE) + 0.5) / SIDE
    x, y = steps.expand(SIDE, SIDE), steps[:, None].expand(SIDE, SIDE)
    return torch.stack((x, y, torch.full_like(x, 0.5)))[None]


def measured(cutouts: Tensor) -> dict[str, Tensor]:
    """Read what was done to each cutout of `ramps()` from its middle, where no border shows."""
    middle = (cutouts[:, :2, 5:11, 5:11] - 0.1) / 0.8
    across = (middle[..., 3:].mean((2, 3)) - middle[..., :3].mean((2, 3))) * SIZE / 3
    down = (middle[:, :, 3:].mean((2, 3)) - middle[:, :, :3].mean((2, 3))) * SIZE / 3
    area = across[:, 0] * down[:, 1] - across[:, 1] * down[:, 0]
    x, y = middle.mean((2, 3)).unbind(1)
    turn = torch.atan2(across[:, 1] * area.sign(), across[:, 0] * area.sign())
    return {"x": x, "y": y, "side": area.abs().sqrt(), "turn": turn, "mirrored": (area < 0).float()}


@pytest.mark.parametrize(
    "augmentations",
    [PAPER, *(PAPER.only(group) for group in ("crop", "flip", "affine", "perspective"))],
    ids=["all", "crop", "flip", "affine", "perspective"],
)
def test_cutouts_are_moved_as_far_and_as_often(augmentations: Augmentations):
    quiet = replace(augmentations, noise=0.0)
    ours, theirs = (measured(cut(ramps(), quiet)) for cut in (by_the_engine, by_the_baseline))
    for name, values in ours.items():
        # Five standard errors of the difference of two means, and a hundredth for the pixels' grid.
        error = ((values.var() + theirs[name].var()) / COUNT).sqrt()
        difference = values.mean() - theirs[name].mean()
        assert difference.abs() < 5 * error + 0.01, name
        assert (values.std() - theirs[name].std()).abs() < 0.1 * values.std() + 0.01, name


@pytest.mark.parametrize("cut", [by_the_engine, by_the_baseline])
def test_half_of_the_cutouts_are_mirrored(cut: Callable[[Tensor, Augmentations], Tensor]):
    mirrored = measured(cut(ramps(), PAPER.only("flip")))["mirrored"]
    assert 0.45 < mirrored.mean() < 0.55


def test_pixels_have_the_same_mean_and_variance():
    # Large blots: of small ones the baseline, which resamples three times, makes paler ones.
    blots = torch.rand((1, 3, 3, 3), generator=torch.Generator().manual_seed(4))
    image = torch.nn.functional.interpolate(blots, (SIDE, SIDE), mode="bilinear")
    ours, theirs = (cut(image, PAPER)[..., 5:11, 5:11] for cut in (by_the_engine, by_the_baseline))
    torch.testing.assert_close(ours.mean((0, 2, 3)), theirs.mean((0, 2, 3)), rtol=0, atol=0.02)
    torch.testing.assert_close(ours.var((0, 2, 3)), theirs.var((0, 2, 3)), rtol=0.1, atol=0)


@pytest.mark.parametrize(("group", "tolerance"), [("jitter", 0.3), ("noise", 0.03)])
def test_colors_are_changed_as_much(group: str, tolerance: float):
    image = torch.rand((1, 3, SIZE, SIZE), generator=torch.Generator().manual_seed(4))
    image = 0.2 + 0.6 * image
    augmentations = PAPER.only(group)
    ours, theirs = (cut(image, augmentations) - image for cut in (by_the_engine, by_the_baseline))
    torch.testing.assert_close(ours.std(), theirs.std(), rtol=tolerance, atol=0)
    # Each cutout has a strength of its own, and some have none.
    ours, theirs = (change.std((1, 2, 3)) for change in (ours, theirs))
    torch.testing.assert_close(ours.mean(), theirs.mean(), rtol=tolerance, atol=0)
    assert ((ours < 1e-4).float().mean() - (theirs < 1e-4).float().mean()).abs() < 0.05
