"""Recipes of other painters than VQGAN-CLIP."""

import json
import re
from typing import Any

import pytest

from engine.editing.followups import reworded
from engine.errors import ModelError, RecipeError
from engine.painters import plain_recipe
from engine.presets import make_recipe
from engine.recipes.edit import Edit
from engine.recipes.glide_recipe import GlideRecipe
from engine.recipes.kinds import OtherRecipe, recipe_from_json, vqgan_clip_recipe
from engine.recipes.mindalle_recipe import MinDalleRecipe
from engine.recipes.open_edit_recipe import OpenEditRecipe
from engine.recipes.pictures import check_complete, without_pictures
from engine.recipes.recipe import Recipe

GLIDE = GlideRecipe(models="glide", seed=1, side=256, prompt="a ring")
MINDALLE = MinDalleRecipe(models="mindalle", seed=2, side=256, prompt="a ring", top_p=0.9)
EDIT = Edit(b"a picture")
OPEN_EDIT = OpenEditRecipe(models="e", seed=3, side=224, old="blue car", new="red car", edit=EDIT)
INPAINTING = GlideRecipe(
    models="glide", seed=1, side=256, prompt="a ring", edit=Edit(b"a picture", b"a mask")
)


@pytest.mark.parametrize("recipe", [GLIDE, MINDALLE, OPEN_EDIT, INPAINTING])
def test_a_recipe_is_read_back_from_its_json(recipe: OtherRecipe):
    written = recipe.to_json()
    assert recipe_from_json(written) == recipe
    values = json.loads(written)
    assert (values["version"], values["painter"]) == (4, recipe.painter)
    with pytest.raises(RecipeError):  # it is no recipe of VQGAN-CLIP
        Recipe.from_json(written)


def test_recipes_of_vqgan_clip_are_written_as_before():
    recipe = make_recipe("a ring", seed=1, models="demo")
    values = json.loads(recipe.to_json())
    assert values["version"] == 3
    assert "painter" not in values
    assert recipe_from_json(recipe.to_json()) == recipe


def changed(recipe: OtherRecipe, **values: object) -> str:
    return json.dumps(json.loads(recipe.to_json()) | values)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (changed(GLIDE, painter="rembrandt"), "for the painter 'rembrandt'; this program knows"),
        (changed(GLIDE, painter=None), "for the painter None"),
        (changed(GLIDE, version=7), "version 7, newer than 6"),
        (changed(GLIDE, cutouts=8), "unknown keys: 'cutouts'"),
        (changed(GLIDE, guidance="prayer"), "guidance must be one of classifier-free, clip"),
        (changed(GLIDE, upsample_from=26), "upsample_steps must be a whole number from 1 to 26"),
        (changed(GLIDE, base_steps=1001), "base_steps must be a whole number from 1 to 1000"),
        (changed(GLIDE, prompt=["a"]), "prompt must be text"),
        (changed(GLIDE, prompt=" "), "the prompt is empty"),
        (changed(GLIDE, guidance_scale=1e9), "guidance_scale must be a number"),
        (changed(GLIDE, side=1_000_000), "side must be a whole number"),
        (changed(MINDALLE, candidates=10**6), "candidates must be a whole number from 1 to 64"),
        (changed(MINDALLE, temperature=0), "temperature must be a number"),
        (changed(MINDALLE, edit={"source": "aaaa"}), "cannot edit"),
        (changed(OPEN_EDIT, edit=None), "needs a picture to edit"),
        (changed(OPEN_EDIT, alpha="5"), "alpha must be a number"),
    ],
)
def test_what_is_not_allowed_is_refused(text: str, reason: str):
    with pytest.raises(RecipeError, match=re.escape(reason)):
        recipe_from_json(text)


def test_a_recipe_without_its_pictures_cannot_be_painted():
    shared = without_pictures(INPAINTING)
    assert shared.edit == Edit(b"", b"")
    with pytest.raises(RecipeError, match="left out"):
        check_complete(shared)


@pytest.mark.parametrize("line", ["a cat:2", "a cat | a dog", "a cat --no dog"])
def test_weights_are_refused_by_name(line: str):
    with pytest.raises(RecipeError, match="one plain sentence is all that GLIDE reads"):
        reworded(GLIDE, line)


@pytest.mark.parametrize("line", ["blue car", "a -> b -> c", "-> red car", "blue car ->"])
def test_open_edit_reads_two_phrases(line: str):
    with pytest.raises(RecipeError, match="two phrases with an arrow"):
        reworded(OPEN_EDIT, line)


def test_other_words_leave_the_rest_as_it_is():
    assert reworded(GLIDE, "a star") == GlideRecipe(
        models="glide", seed=1, side=256, prompt="a star"
    )
    after = reworded(OPEN_EDIT, "cloudy -> sunny")
    assert isinstance(after, OpenEditRecipe)
    assert (after.old, after.new, after.title) == ("cloudy", "sunny", "cloudy → sunny")


@pytest.mark.parametrize("recipe", [GLIDE, MINDALLE, OPEN_EDIT])
def test_what_only_vqgan_clip_can_is_refused_with_what_else_to_do(recipe: OtherRecipe):
    with pytest.raises(RecipeError, match=recipe.shown_name):
        vqgan_clip_recipe(recipe)


@pytest.mark.parametrize("settings", [{}, {"seed": 2}])
def test_models_of_vqgan_clip_have_no_plain_recipes(settings: dict[str, Any]):
    with pytest.raises(ModelError, match="those of VQGAN-CLIP"):
        plain_recipe("demo", "a ring", **({"seed": 1} | settings))
