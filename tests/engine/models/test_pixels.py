"""Generators without weights."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine import Generation, RecipeError, edit_recipe, make_recipe
from engine.conversion.generator import write_weightless
from engine.images.image_io import read_picture
from engine.models.catalogue import CATALOGUE
from engine.models.demo_entries import DEMO_PIXELS
from engine.models.loading import load_generator, load_models
from engine.models.protocols import Generator
from engine.vqgan_clip.loop import step
from tests.engine.vqgan_clip.test_generation import finish, png

KINDS = tuple(DEMO_PIXELS)
ENCODING = tuple(kind for kind in KINDS if "image" in CATALOGUE[f"demo-{kind}"].starts)
SIZE = (26, 19)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


def generator(kind: str) -> Generator:
    return load_generator(CATALOGUE[f"demo-{kind}"].generator)


def size_of(kind: str) -> tuple[int, int]:
    """Return an odd size where a generator allows it, else an even one."""
    width, height = SIZE
    return width, height - height % generator(kind).multiple


@pytest.mark.parametrize("kind", ENCODING)
def test_a_picture_that_is_encoded_comes_back(kind: str):
    width, height = size_of(kind)
    random = torch.Generator().manual_seed(1)
    picture = 0.05 + 0.9 * torch.rand((1, 3, height, width), generator=random)
    if kind == "palette":  # it has few colors, in squares
        colors = torch.tensor([[0.1, 0.9, 0.5], [0.8, 0.2, 0.3], [0.4, 0.6, 0.7]])
        squares = torch.randint(3, (height // 2, width // 2), generator=random)
        picture = colors[squares].permute(2, 0, 1)[None]
        picture = picture.repeat_interleave(2, 2).repeat_interleave(2, 3)
    pixels = generator(kind)
    state = pixels.encode(picture)
    assert state is not None
    shown = pixels.decode(pixels.settled(state, "none", None))
    torch.testing.assert_close(shown, picture, atol=1e-3, rtol=1e-3)


def test_a_run_paints_towards_its_prompt_and_goes_on_after_a_stop(kind: str):
    models = load_models(f"demo-{kind}", "cpu", "float32")
    width, height = size_of(kind)
    recipe = make_recipe(
        "a red circle on a blue background",
        seed=3,
        models=models.name,
        size=(width, height),
        steps=12,
        cutouts=4,
    )
    assert (recipe.width, recipe.height) == (width, height)
    run = Generation(recipe, models)
    run.step()
    first = run.loss
    while run.steps_done < 6:
        run.step()
    resumed = Generation(recipe, models)
    resumed.load_state_dict(run.state_dict())
    whole = finish(run)
    assert run.loss < first
    assert torch.equal(finish(resumed), whole)
    assert whole.shape == (1, 3, height, width)


def test_two_runs_share_steps(kind: str):
    models = load_models(f"demo-{kind}", "cpu", "float32")
    recipes = [
        make_recipe("a star", seed=seed, models=models.name, size=(16, 16), steps=2, cutouts=2)
        for seed in (1, 2)
    ]
    alone = [finish(Generation(each, models)) for each in recipes]
    together = [Generation(each, models) for each in recipes]
    while not together[0].done:
        assert step(together) == [None, None]
    for one, other in zip(alone, together, strict=True):
        torch.testing.assert_close(one, other.image(), atol=2e-2, rtol=0)


@pytest.mark.parametrize("kind", ENCODING)
def test_an_edit_changes_nothing_outside_its_mask(kind: str):
    models = load_models(f"demo-{kind}", "cpu", "float32")
    source = read_picture(png((32, 24)))
    mask = source.convert("L").point([0] * 256)
    mask.paste(255, (8, 8, 20, 16))
    recipe = edit_recipe("a star", source, seed=1, mask=mask, steps=3, models=models.name)
    recipe = replace(recipe, width=32, height=24, cutouts=2)
    run = Generation(recipe, models)
    before, after = run.image(), finish(run)
    changed = (after - before).abs().amax((0, 1)) > 1e-6
    assert changed[8:16, 8:20].any()
    outside = changed.clone()
    outside[8:16, 8:20] = False
    assert not outside.any()


def test_what_only_a_codebook_can_do_is_refused_by_name(kind: str):
    with pytest.raises(RecipeError, match="quantization must be none"):
        Generation(
            make_recipe("a star", seed=1, models=f"demo-{kind}", quantization="z-quantize"),
            load_models(f"demo-{kind}", "cpu", "float32"),
        )


def test_a_weights_file_names_only_its_kind(kind: str, tmp_path: Path):
    path = tmp_path / "made.safetensors"
    write_weightless(kind, DEMO_PIXELS[kind][0], path)
    assert path.read_bytes() == CATALOGUE[f"demo-{kind}"].generator.read_bytes()
    assert path.stat().st_size < 300
