from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from engine.editing.edit_recipe import edit_recipe
from engine.errors import ModelError, RecipeError
from engine.models.catalogue import CATALOGUE
from engine.presets import (
    PRESET_NAMES,
    PRESETS,
    VARIANTS,
    find_preset,
    infer_keep,
    keep_weights,
    make_recipe,
    preset_of,
    round_to_grid,
)
from engine.recipes.augmentations import PAPER
from engine.recipes.edit import Edit
from engine.recipes.prompts import Prompt
from engine.recipes.recipe import Recipe


def test_a_prompt_and_a_seed_are_enough():
    recipe = make_recipe("a red circle | fog:-0.5", seed=7)
    assert recipe.prompts == (Prompt("a red circle"), Prompt("fog", -0.5))
    assert (recipe.seed, recipe.models) == (7, "demo")
    assert (recipe.width, recipe.height, recipe.enlarge) == (64, 64, 8)
    assert recipe.steps == find_preset("demo")["steps"]
    assert recipe.start == "codes"


def test_the_paper_preset_holds_the_papers_numbers():
    recipe = make_recipe("a red circle", seed=1, preset="paper")
    assert recipe.steps == 400
    assert (recipe.learning_rate, recipe.learning_rate_end) == (0.15, 1.0)
    assert recipe.regularizer_decay == 0.005
    assert recipe.augmentations == PAPER
    assert recipe.quantization == "z-quantize"


@pytest.mark.parametrize("preset", PRESET_NAMES)
@pytest.mark.parametrize("masked", [None, False, True])
def test_the_preset_of_a_recipe_is_known_again(preset: str, masked: bool | None):
    options: dict[str, Any] = {"seed": 1, "preset": preset, "steps": 7}
    if masked is None:
        recipe = make_recipe("a star", **options)
    else:
        mask = Image.new("L", (32, 32), 255) if masked else None
        recipe = edit_recipe("a star", Image.new("RGB", (32, 32)), mask=mask, **options)
    assert preset_of(recipe) == preset
    assert preset_of(replace(recipe, more=(3,), enlarge=2, start_noise=0.0)) == preset
    assert preset_of(replace(recipe, cutouts=9)) is None
    assert preset_of(replace(recipe, quantization="none")) is None


@pytest.mark.parametrize("preset", PRESET_NAMES)
@pytest.mark.parametrize("models", CATALOGUE)
def test_every_preset_makes_a_recipe_for_all_models(preset: str, models: str):
    assert isinstance(make_recipe("a star", seed=1, models=models, preset=preset), Recipe)


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> str:
    """Add a pair of models that the paper's preset suits; return its name."""
    entry = replace(CATALOGUE["demo"], name="published", preset="paper")
    monkeypatch.setitem(CATALOGUE, entry.name, entry)
    return entry.name


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize("models", ["demo", "published"])
def test_fast_and_fine_take_less_and_more_work_than_what_suits_the_models(models: str):
    work = []
    for preset in ("fast", None, "fine"):
        recipe = make_recipe("a star", seed=1, models=models, preset=preset)
        work.append(recipe.steps * recipe.cutouts)
    assert work[0] <= work[1] / 2
    assert work[1] < work[2]


@pytest.mark.parametrize("preset", VARIANTS)
def test_fast_and_fine_differ_in_few_settings_from_what_suits_the_models(
    published: str, preset: str
):
    recipe = make_recipe("a star", seed=1, models=published, preset=preset)
    assert recipe.augmentations == PAPER
    assert recipe.learning_rate == find_preset("paper")["learning_rate"]
    assert preset_of(recipe) == preset
    assert preset_of(replace(recipe, models="elsewhere")) is None


@pytest.mark.parametrize("preset", VARIANTS)
def test_edits_keep_as_the_models_suit_it(published: str, preset: str):
    source = Image.new("RGB", (32, 32))
    edits = [
        edit_recipe("a star", source, seed=1, models=models, preset=preset).edit
        for models in ("demo", published)
    ]
    assert [bool(edit and edit.keep_structure) for edit in edits] == [True, False]
    assert [bool(edit and edit.keep_latent) for edit in edits] == [False, True]


def test_edits_too_take_fewer_and_more_steps():
    source = Image.new("RGB", (32, 32))
    presets = ("fast", "demo", "fine")
    steps = [edit_recipe("a star", source, seed=1, preset=preset).steps for preset in presets]
    assert steps == sorted(set(steps))


def test_models_need_a_preset_to_go_by(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(CATALOGUE, "lost", replace(CATALOGUE["demo"], name="lost", preset="fast"))
    with pytest.raises(RecipeError, match="no preset called 'fast'"):
        make_recipe("a star", seed=1, models="lost")


def test_what_is_said_replaces_the_preset():
    recipe = make_recipe("a star", seed=1, size=(32, 48), steps=3, enlarge=2, quantization="none")
    assert (recipe.width, recipe.height) == (32, 48)
    assert (recipe.steps, recipe.enlarge, recipe.quantization) == (3, 2, "none")


def test_an_initial_image_is_where_the_run_starts():
    recipe = make_recipe("a star", seed=1, init_image=b"picture")
    assert (recipe.start, recipe.init_image) == ("image", b"picture")


@pytest.mark.parametrize(
    ("changes", "error", "culprit"),
    [
        (
            {"preset": "swift"},
            RecipeError,
            "no preset called 'swift'; there are: paper, demo, scenes, fast, fine",
        ),
        (
            {"preset": "Paper"},
            RecipeError,
            "no preset called 'Paper'; there are: paper, demo, scenes, fast, fine",
        ),
        ({"models": "large"}, ModelError, "no models called 'large'; there are: demo"),
        ({"models": ""}, ModelError, "no models called ''; there are: demo"),
        ({"prompt": " "}, RecipeError, "prompt is empty"),
        ({"prompt": "a:0 | b:0"}, RecipeError, "all weights are zero"),
        ({"size": (0, 64)}, RecipeError, "width must be a whole number from 16 to 4096, not 0"),
        ({"steps": 0}, RecipeError, "steps must be a whole number from 1 to 100000, not 0"),
    ],
)
def test_what_is_not_allowed_is_refused_by_name(
    changes: dict[str, Any], error: type[Exception], culprit: str
):
    with pytest.raises(error, match=culprit):
        make_recipe(**({"prompt": "a star", "seed": 1} | changes))


@given(st.tuples(st.integers(16, 4096), st.integers(16, 4096)))
def test_the_nearest_size_on_the_grid(size: tuple[int, int]):
    factor = CATALOGUE["demo"].factor
    for side, asked in zip(round_to_grid(size, "demo"), size, strict=True):
        assert side % factor == 0
        assert 16 <= side <= 4096
        assert abs(side - asked) <= factor / 2


def test_a_size_out_of_bounds_is_brought_to_the_nearest_one_within():
    assert round_to_grid((1, 1_000_000), "demo") == (16, 4096)


def test_presets_cannot_be_changed_by_accident():
    for name in PRESET_NAMES:
        preset: Any = find_preset(name)
        with pytest.raises(TypeError):
            preset["steps"] = 1


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("keep", [0.0, 0.25, 0.5, 1.0])
def test_how_much_is_kept_can_be_told_from_an_edit(preset: str, keep: float):
    assert infer_keep(replace(Edit(b""), **keep_weights(preset, keep))) == pytest.approx(keep)


def test_weights_of_another_origin_tell_nothing_of_keep():
    assert infer_keep(Edit(b"", keep_latent=1.0)) is None
    assert infer_keep(Edit(b"", keep_latent=1.0, keep_structure=1.0)) is None
