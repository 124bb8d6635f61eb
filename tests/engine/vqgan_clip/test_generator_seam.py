# ruff: noqa: ARG002
"""Any generator goes through the loop: here one of two tensors, without network and codebook."""

from dataclasses import replace

import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from engine import Generation, Models, Recipe, RecipeError, edit_recipe, make_recipe
from engine.images.image_io import read_picture
from engine.images.tiling import Tile
from engine.models.protocols import State
from engine.recipes.generator_kinds import GeneratorKind
from engine.recipes.recipe import Quantization, Start
from engine.vqgan_clip.checkpoints import dump, load
from engine.vqgan_clip.loop import step
from tests.engine.vqgan_clip.test_generation import finish, png

SIZE = (32, 24)


class TwoGrids:
    """A picture as a coarse grid and a fine one, which are added."""

    device = torch.device("cpu")
    multiple = 8
    rate = 0.5
    ways: tuple[Quantization, ...] = ("none",)
    starts: tuple[Start, ...] = GeneratorKind().starts

    def start(self, size: tuple[int, int], way: Quantization, random: torch.Generator) -> State:
        assert way == "none"
        width, height = size
        return (
            torch.rand((1, 3, height // 8, width // 8), generator=random),
            torch.zeros(1, 3, height, width),
        )

    def encode(self, picture: Tensor, *, tile: Tile = "none") -> State | None:
        coarse = F.avg_pool2d(picture, 8)
        return coarse, picture - F.interpolate(coarse, scale_factor=8.0)

    def settled(self, state: State, way: Quantization, random: torch.Generator | None) -> State:
        return state

    def decode(self, state: State, *, recompute: bool = False, tile: Tile = "none") -> Tensor:
        coarse, fine = state
        return F.interpolate(coarse, scale_factor=8.0) + fine

    def pull(self, state: State, way: Quantization) -> Tensor:
        return state[1].square().flatten(1).mean(1)

    def free(self, state: State, mask: Tensor) -> State:
        return (F.max_pool2d(mask, 8) > 0).float(), (mask > 0).float()


class NoEncoder(TwoGrids):
    starts: tuple[Start, ...] = ("random",)

    def encode(self, picture: Tensor, *, tile: Tile = "none") -> State | None:
        return None


@pytest.fixture
def grids(models: Models) -> Models:
    return replace(models, generator=TwoGrids())


def small(**changes: object) -> Recipe:
    values = {
        "seed": 1,
        "size": SIZE,
        "steps": 4,
        "cutouts": 2,
        "quantization": "none",
        "start": "random",
    }
    return make_recipe("a red circle", **(values | changes))  # pyright: ignore


def masked_edit(**changes: object) -> Recipe:
    source = read_picture(png(SIZE))
    mask = Image.new("L", source.size)
    mask.paste(255, (8, 8, 24, 16))
    recipe = edit_recipe("a star", source, seed=1, mask=mask, steps=3, quantization="none")
    return replace(recipe, width=32, height=24, cutouts=2, **changes)  # pyright: ignore


def test_all_tensors_of_a_state_are_optimized(grids: Models):
    run = Generation(small(), grids)
    before = [each.detach().clone() for each in run.state]
    image = finish(run)
    assert image.shape == (1, 3, 24, 32)
    assert len(before) == 2
    assert not any(map(torch.equal, run.state, before))


def test_the_learning_rate_is_in_the_generators_units(grids: Models):
    recipe = small(learning_rate=0.2, learning_rate_end=1.0, regularizer=0.0, smoothness=0.0)
    run = Generation(recipe, grids)
    before = run.state[0].detach().clone()
    run.step()
    moved = (run.state[0].detach() - before).abs()  # Adam's first step is the rate, or 0
    assert moved.max() == pytest.approx(0.1, rel=1e-3)


def test_the_regularizer_is_the_generators(grids: Models):
    recipe = small(regularizer=1000.0, start="noise")
    plain = Generation(replace(recipe, regularizer=0.0), grids)
    pulled = Generation(recipe, grids)
    assert torch.equal(plain.state[1], pulled.state[1])
    plain.step()
    pulled.step()
    extra = pulled.loss - plain.loss
    expected = 1000 * Generation(recipe, grids).state[1].square().mean().item()
    assert extra == pytest.approx(expected, rel=1e-4)


def test_a_checkpoint_holds_all_tensors(grids: Models):
    recipe = small(steps=5)
    run = Generation(recipe, grids)
    for _ in range(2):
        run.step()
    content = dump(run.state_dict(), recipe)
    whole = finish(run)
    resumed = Generation(recipe, grids)
    resumed.load_state_dict(load(content, recipe))
    assert torch.equal(finish(resumed), whole)
    assert dump(resumed.state_dict(), recipe) == dump(run.state_dict(), recipe)


def test_two_runs_share_a_step(grids: Models):
    recipes = small(), small(seed=2, cutouts=3)
    together = [Generation(each, grids) for each in recipes]
    alone = [Generation(each, grids) for each in recipes]
    assert step(together) == [None, None]
    for run, other in zip(together, alone, strict=True):
        other.step()
        for one, two in zip(run.state, other.state, strict=True):
            assert (one - two).abs().mean() < 1e-3 * two.abs().mean() + 1e-4


def test_an_edit_changes_only_what_the_mask_frees(grids: Models):
    run = Generation(masked_edit(start_noise=1.0), grids)
    plain = Generation(masked_edit(), grids)
    finish(plain)
    assert plain.edit is not None
    assert plain.edit.free is not None
    for start, now, free in zip(run.state, plain.state, plain.edit.free, strict=True):
        outside = (free == 0).expand_as(now)
        assert 0 < outside.sum() < outside.numel()
        assert torch.equal(start[outside], now[outside])  # neither noise nor steps
        assert not torch.equal(start[~outside], now[~outside])


def test_keep_latent_holds_all_tensors(grids: Models):
    def moved(keep: float) -> list[float]:
        edit = masked_edit()
        assert edit.edit is not None
        kept = replace(edit.edit, mask=None, keep_latent=keep, keep_look=0.0, keep_structure=0.0)
        run = Generation(replace(edit, edit=kept, steps=6), grids)
        before = [each.detach().clone() for each in run.state]
        finish(run)
        pairs = zip(run.state, before, strict=True)
        return [(now - then).square().mean().item() for now, then in pairs]

    assert all(kept < free / 2 for kept, free in zip(moved(1e3), moved(0.0), strict=True))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"quantization": "z-quantize"}, "does not know the quantization z-quantize: .* be none"),
        ({"start": "codes"}, "cannot start from codes: start must be random or noise or image"),
        ({"size": (36, 24)}, "36x24 is off the latent grid: .* multiples of 8"),
    ],
)
def test_what_a_generator_does_not_have_is_refused(
    grids: Models, changes: dict[str, object], told: str
):
    with pytest.raises(RecipeError, match=told):
        Generation(small(**changes), grids)


@pytest.mark.parametrize("recipe", [masked_edit(), small(init_image=png(SIZE), start="image")])
def test_a_generator_without_an_encoder_refuses_pictures(models: Models, recipe: Recipe):
    blind = replace(models, generator=NoEncoder())
    assert finish(Generation(small(steps=1), blind)).isfinite().all()
    with pytest.raises(RecipeError, match="cannot encode a picture, .*: choose other models"):
        Generation(recipe, blind)


def test_the_vqgan_refuses_the_start_of_others(models: Models):
    with pytest.raises(RecipeError, match="cannot start from random: start must be codes or"):
        Generation(make_recipe("a star", seed=1, start="random"), models)
