import json
import math
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import RecipeError
from engine.images.tiling import TILES
from engine.recipes.augmentations import PAPER, Augmentations
from engine.recipes.checks import MAX_PROMPT_LENGTH, MAX_PROMPTS, MAX_SEED
from engine.recipes.edit import Edit, ImagePrompt
from engine.recipes.film import Clip, Film
from engine.recipes.kinds import recipe_from_json
from engine.recipes.prompts import Prompt
from engine.recipes.recipe import Recipe

RECIPE = Recipe(
    prompts=(Prompt("a red circle"), Prompt("fog", -0.5, -1.0)),
    models="demo",
    width=64,
    height=48,
    steps=30,
    seed=7,
    learning_rate=0.15,
    learning_rate_end=1.0,
    cutouts=8,
    augmentations=PAPER,
    regularizer=0.6,
    regularizer_decay=0.005,
)

STRENGTHS = st.fixed_dictionaries(
    {
        field.name: st.floats(0, {"degrees": 180, "hue": 0.5, "distortion": 0.4}.get(field.name, 1))
        for field in fields(Augmentations)
        if not field.name.startswith("crop")
    }
)
CROPS = st.lists(st.floats(0.01, 1), min_size=2, max_size=2).map(sorted)
AUGMENTATIONS = st.builds(
    lambda crop, strengths: Augmentations(crop_min=crop[0], crop_max=crop[1], **strengths),
    CROPS,
    STRENGTHS,
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20).filter(str.strip)
WEIGHTS = st.floats(-1000, 1000).filter(bool)
PROMPTS = st.builds(Prompt, TEXTS, WEIGHTS, st.none() | st.floats(-5, 5))
RECIPES = st.builds(
    Recipe,
    prompts=st.lists(PROMPTS, min_size=1, max_size=4).map(tuple),
    models=st.text(min_size=1, max_size=10),
    width=st.integers(16, 4096),
    height=st.integers(16, 4096),
    steps=st.integers(1, 95_000),
    seed=st.integers(0, MAX_SEED),
    learning_rate=st.floats(1e-6, 100),
    learning_rate_end=st.floats(0, 1),
    cutouts=st.integers(1, 1024),
    augmentations=AUGMENTATIONS,
    regularizer=st.floats(0, 1000),
    regularizer_decay=st.floats(0, 1),
    smoothness=st.floats(0, 1000),
    quantization=st.sampled_from(["z-quantize", "none"]),
    more=st.lists(st.integers(1, 1000), max_size=5).map(tuple),
    enlarge=st.integers(1, 16),
    tile=st.sampled_from(TILES),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


def written(**changes: Any) -> str:
    """`RECIPE` as JSON with some values of it changed, valid or not."""
    return json.dumps(json.loads(RECIPE.to_json()) | changes)


def without(key: str) -> str:
    values = json.loads(RECIPE.to_json())
    del values[key]
    return json.dumps(values)


@given(RECIPES)
def test_what_is_written_is_read_back(recipe: Recipe):
    text = recipe.to_json()
    assert Recipe.from_json(text) == recipe
    assert Recipe.from_json(text).to_json() == text


@given(st.binary(max_size=50), st.sampled_from(["z-quantize", "none"]), st.floats(0, 10))
def test_an_initial_image_is_read_back(content: bytes, quantization: Any, noise: float):
    recipe = replace(
        RECIPE, start="image", init_image=content, quantization=quantization, start_noise=noise
    )
    assert Recipe.from_json(recipe.to_json()) == recipe


@pytest.mark.parametrize(
    ("prompts", "weights", "title"),
    [
        ((Prompt("a star", 2.0), Prompt("fog", -1.0)), (1,), "a star:2.0 | fog:-1.0"),
        ((), (1, 0), "like 2 pictures"),
        ((Prompt("fog", -0.5),), (1, -1), "like a picture | unlike a picture | fog:-0.5"),
        ((Prompt("fog", -0.5),), (), "fog:-0.5"),
    ],
)
def test_a_recipe_without_words_is_named_by_its_pictures(
    prompts: tuple[Prompt, ...], weights: tuple[float, ...], title: str
):
    likes = tuple(ImagePrompt(b"png", weight) for weight in weights)
    recipe = replace(RECIPE, prompts=prompts, image_prompts=likes)
    assert recipe.title == title
    assert Recipe.from_json(recipe.to_json()) == recipe


@given(
    st.builds(
        Edit,
        st.binary(max_size=50),
        st.none() | st.binary(max_size=50),
        st.floats(0, 1000),
        st.floats(0, 1000),
        st.floats(0, 1),
        st.floats(0, 1),
    ),
    st.lists(
        st.builds(ImagePrompt, st.binary(max_size=50), WEIGHTS, st.none() | st.floats(-5, 5)),
        max_size=3,
    ).map(tuple),
)
def test_edits_and_image_prompts_are_read_back(edit: Edit, likes: tuple[ImagePrompt, ...]):
    recipe = replace(RECIPE, start="image", edit=edit, image_prompts=likes)
    assert Recipe.from_json(recipe.to_json()) == recipe


@pytest.mark.parametrize(
    ("version", "unknown"),
    [(1, ("edit", "image_prompts", "more", "start_noise")), (2, ("more", "start_noise"))],
)
def test_recipes_of_earlier_versions_are_still_read(version: int, unknown: tuple[str, ...]):
    values = json.loads(RECIPE.to_json()) | {"version": version}
    for name in unknown:
        del values[name]
    assert Recipe.from_json(json.dumps(values)) == RECIPE


def test_only_a_recipe_that_draws_cells_back_needs_the_newest_version():
    plain = replace(RECIPE, start="image", edit=Edit(b"", keep_look=0.5))
    values, drawn_back = (
        json.loads(replace(plain, edit=Edit(b"", keep_look=0.5, keep_cells=cells)).to_json())
        for cells in (0.0, 0.25)
    )
    assert "keep_cells" not in values["edit"]
    values["edit"]["keep_cells"] = 0.25
    assert drawn_back == values | {"version": 6}


def test_a_clip_that_draws_cells_back_needs_the_newest_version_too():
    def written_film(clip: Clip) -> str:
        film = Film(frames=2, camera="still", clip=clip)
        return replace(RECIPE, start="image", film=film).to_json()

    older, newer = (json.loads(written_film(Clip(b"", keep_cells=each))) for each in (0.0, 0.25))
    assert (older["version"], newer["version"]) == (5, 6)
    assert "keep_cells" not in older["film"]["clip"]
    assert recipe_from_json(json.dumps(newer)).to_json() == json.dumps(newer)


def test_the_steps_of_all_rounds_are_counted():
    assert (RECIPE.rounds, RECIPE.total_steps) == ((30,), 30)
    longer = replace(RECIPE, more=(5, 7))
    assert (longer.rounds, longer.total_steps) == ((30, 5, 7), 42)


def test_codebook_sampling_is_read_back():
    recipe = replace(RECIPE, quantization="codebook-sampling")
    assert Recipe.from_json(recipe.to_json()) == recipe


def test_the_written_form_is_json_for_other_programs():
    values = json.loads(RECIPE.to_json())
    assert values["version"] == 3
    assert values["prompts"][1] == {"text": "fog", "weight": -0.5, "stop": -1.0}
    assert values["augmentations"]["flip"] == 0.5
    assert values["init_image"] is None


@pytest.mark.parametrize(
    ("changes", "culprit"),
    [
        ({"prompts": ()}, "prompt is empty"),
        ({"prompts": (Prompt("a"),) * (MAX_PROMPTS + 1)}, "17 prompts .* at most 16"),
        ({"prompts": (Prompt("a", 0), Prompt("b", -0.0))}, "all weights are zero"),
        ({"prompts": "a star"}, "prompts must be a tuple of Prompt, not 'a star'"),
        ({"prompts": ("a star",)}, "prompts must be a tuple of Prompt"),
        ({"models": ""}, "models must be the name"),
        ({"tile": "z"}, "tile must be one of none, x, y, both, not 'z'"),
        ({"tile": ["x"]}, "tile must be one of"),
        ({"models": 1}, "models must be the name"),
        ({"width": 15}, "width must be a whole number from 16 to 4096, not 15"),
        ({"width": 4097}, "width must be a whole number from 16 to 4096, not 4097"),
        ({"height": -64}, "height must be a whole number from 16 to 4096, not -64"),
        ({"height": 64.0}, "height must be a whole number from 16 to 4096, not 64.0"),
        ({"steps": 0}, "steps must be a whole number from 1 to 100000, not 0"),
        ({"steps": 100_001}, "steps must be a whole number from 1 to 100000, not 100001"),
        ({"steps": "30"}, "steps must be a whole number from 1 to 100000, not '30'"),
        ({"steps": True}, "steps must be a whole number from 1 to 100000, not True"),
        ({"more": [5]}, r"more must be a tuple of at most 100 numbers, not \[5\]"),
        ({"more": 5}, "more must be a tuple of at most 100 numbers, not 5"),
        ({"more": (1,) * 101}, "more must be a tuple of at most 100 numbers"),
        ({"more": (0,)}, "each round in more must be a whole number from 1 to 100000, not 0"),
        ({"more": (5, 2.0)}, "each round in more must be a whole number .* not 2.0"),
        ({"more": (True,)}, "each round in more must be a whole number .* not True"),
        ({"more": (99_970, 1)}, "rounds together have 100001 steps; at most 100000"),
        ({"start_noise": 0.1}, "start_noise needs a picture to start from"),
        ({"start_noise": 0.1, "start": "noise"}, "start_noise needs a picture to start from"),
        ({"start_noise": -0.1}, "start_noise must be a number from 0 to 10, not -0.1"),
        ({"start_noise": math.nan}, "start_noise must be a number from 0 to 10, not nan"),
        ({"start_noise": 10.1, "start": "image", "init_image": b""}, "from 0 to 10, not 10.1"),
        ({"steps": math.nan}, "steps must be a whole number from 1 to 100000, not nan"),
        ({"seed": -1}, "seed must be a whole number from 0 to"),
        ({"seed": 2**63}, "seed must be a whole number from 0 to"),
        ({"cutouts": 0}, "cutouts must be a whole number from 1 to 1024, not 0"),
        ({"enlarge": 17}, "enlarge must be a whole number from 1 to 16, not 17"),
        ({"learning_rate": 0}, "learning_rate must be a number from 1e-06 to 100, not 0"),
        ({"learning_rate": math.inf}, "learning_rate must be a number from 1e-06 to 100, not inf"),
        ({"learning_rate": True}, "learning_rate must be a number from 1e-06 to 100, not True"),
        ({"learning_rate_end": 1.5}, "learning_rate_end must be a number from 0 to 1, not 1.5"),
        ({"regularizer": -0.1}, "regularizer must be a number from 0 to 1000, not -0.1"),
        ({"regularizer_decay": math.nan}, "regularizer_decay must be a number from 0 to 1"),
        ({"smoothness": None}, "smoothness must be a number from 0 to 1000, not None"),
        ({"smoothness": 10**400}, "smoothness must be a number from 0 to 1000, not 1000"),
        ({"quantization": "gumbel"}, "quantization must be one of z-quantize, none, codebook-"),
        ({"start": []}, r"start must be one of codes, random, noise, image, not \[\]"),
        ({"start": "image"}, 'start "image" needs one picture'),
        ({"init_image": b"png"}, 'start "image" needs one picture'),
        ({"init_image": "png", "start": "image"}, "init_image must be"),
        (
            {"init_image": bytes(11 * 2**20 + 1), "start": "image"},
            "init image takes 11.0 MiB .* at most 11 MiB",
        ),
        ({"augmentations": None}, "augmentations must be"),
        ({"edit": Edit(b"png")}, 'start "image" needs one picture'),
        (
            {"edit": Edit(b"png"), "init_image": b"png", "start": "image"},
            'start "image" needs one picture',
        ),
        ({"edit": "all of it"}, "edit must be"),
        ({"image_prompts": [ImagePrompt(b"png")]}, "image_prompts must be a tuple"),
        ({"image_prompts": (ImagePrompt(b""),) * 17}, "at most 16"),
        ({"image_prompts": (ImagePrompt(bytes(8 * 2**20)),) * 2}, "11 MiB together"),
        (
            {"quantization": "codebook-sampling", "start": "image", "init_image": b"png"},
            'start must be "codes", not "image"',
        ),
        (
            {"quantization": "codebook-sampling", "start": "noise"},
            'start must be "codes", not "noise"',
        ),
    ],
)
def test_values_that_are_not_allowed_are_refused_by_name(changes: dict[str, Any], culprit: str):
    with pytest.raises(RecipeError, match=culprit) as caught:
        replace(RECIPE, **changes)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("text", "culprit"),
    [
        ("", "not valid JSON"),
        ("a red circle", "not valid JSON"),
        (RECIPE.to_json()[:-1], "not valid JSON"),
        (RECIPE.to_json() + "}", "not valid JSON"),
        (written(steps=math.nan), "not valid JSON"),
        (written(regularizer=math.inf), "not valid JSON"),
        (RECIPE.to_json().replace('"steps": 30', '"steps": ' + "9" * 5000), "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ('{"prompts":' * 100_000, "not valid JSON"),
        ("[],[]," * 30_000, "more than 128000 characters"),
        ('["\\"' + "0," * 100_000, "more than 128000 characters"),
        ('"' * 200_000, "more than 128000 characters"),
        ('{"a":' + "1" * 200_000 + "}", "more than 128000 characters"),
        ('"' + "\\u4e00" * 30_000 + '"', "more than 128000 characters"),
        ("null", "must be a JSON object"),
        ("[]", "must be a JSON object"),
        ('"a red circle"', "must be a JSON object"),
        ("{}", "version must be from 1 to 6, not None"),
        (written(version=None), "version must be from 1 to 6, not None"),
        (written(version=0), "version must be from 1 to 6, not 0"),
        (written(version=True), "version must be from 1 to 6, not True"),
        (written(version=1.0), "version must be from 1 to 6, not 1.0"),
        (written(version="1"), "version must be from 1 to 6, not '1'"),
        (written(version=7), "version 7, newer than 6.*update"),
        (written(version=10**400), "newer than 6"),
        (written(brush=1, easel=2), "recipe contains unknown keys: 'brush', 'easel'"),
        (written(**{"a\ud800\n": 1}), r"recipe contains unknown keys: 'a\\ud800\\n'"),
        (written(**{"x" * 9000: 1}), "recipe contains unknown keys: 'xxx"),
        (written(prompts=[{"text": "a", "colour": 1}]), "prompt contains unknown keys: 'colour'"),
        (written(augmentations={"blur": 1}), "augmentations contains unknown keys: 'blur'"),
        (without("width"), "recipe lacks the keys 'width'"),
        (without("prompts"), "prompts must be a list"),
        (without("augmentations"), "augmentations must be a JSON object"),
        (written(prompts=[{"weight": 1}]), "prompt lacks the keys 'text'"),
        (written(prompts="a star"), "prompts must be a list"),
        (written(prompts=["a star"]), "prompt must be a JSON object"),
        (written(prompts=[]), "prompt is empty"),
        (written(prompts=[{"text": "a\ud800"}]), "not Unicode"),
        (written(prompts=[{"text": "a", "weight": "2"}]), "weight of 'a' must be"),
        (written(augmentations=[]), "augmentations must be a JSON object"),
        (written(augmentations={"flip": "0.5"}), "flip must be a number, not '0.5'"),
        (written(steps="30"), "steps must be a whole number from 1 to 100000, not '30'"),
        (written(steps=30.0), "steps must be a whole number from 1 to 100000, not 30.0"),
        (written(steps=10**400), "steps must be a whole number from 1 to 100000, not 1000"),
        (written(regularizer=10**400), "regularizer must be a number from 0 to 1000, not 1000"),
        (written().replace("0.6", "1e999"), "regularizer must be a number from 0 to 1000, not inf"),
        (written(more=None), "more must be a tuple of at most 100 numbers, not None"),
        (written(more={"a": 1}), "more must be a tuple of at most 100 numbers"),
        (written(more=[10**400]), "each round in more must be a whole number"),
        (written(more=["5"]), "each round in more must be a whole number .* not '5'"),
        (written(more=[[5]]), "each round in more must be a whole number"),
        (written(start_noise="0.1"), "start_noise must be a number from 0 to 10, not '0.1'"),
        (written(start="image", init_image="no base64!"), "init image must be base64"),
        (written(start="image", init_image="ä"), "init image must be base64"),
        (written(start="image", init_image=7), "init image must be base64"),
        (written(start="image", init_image=["eA=="]), "init image must be base64"),
        (written(edit={"mask": None}, start="image"), "edit lacks the keys 'source'"),
        (written(edit={"source": "no base64!"}, start="image"), "source must be base64"),
        (written(edit={"source": "", "mask": 7}, start="image"), "mask must be base64"),
        (written(edit={"source": "", "keep_structure": 2}, start="image"), "keep_structure must"),
        (written(edit={"source": "", "keep_cells": -1}, start="image"), "keep_cells must"),
        (written(edit={"source": "", "keep": 1}, start="image"), "edit contains unknown keys"),
        (written(edit={"source": None}, start="image"), "source must be the bytes"),
        (written(image_prompts=[{"picture": "?"}]), "picture must be base64"),
        (written(image_prompts=["a.png"]), "image prompt must be a JSON object"),
        (RECIPE.to_json().replace("{", '{"steps": 5, ', 1), "contains the key 'steps' twice"),
        (RECIPE.to_json().replace('"text"', '"text": "b", "text"', 1), "the key 'text' twice"),
        (RECIPE.to_json().replace('"flip"', '"flip": 1, "flip"'), "contains the key 'flip' twice"),
    ],
)
def test_recipes_that_cannot_be_read_are_refused_by_name(text: str, culprit: str):
    with pytest.raises(RecipeError, match=culprit) as caught:
        Recipe.from_json(text)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 250


MAY_BE_EMPTY = ("init_image", "edit", "image_prompts", "more", "film", "story", "enlargement")


@pytest.mark.parametrize("value", [True, None, [], [1], {"a": 1}, "", 10**400, -1])
@pytest.mark.parametrize("field", [f.name for f in fields(Recipe) if f.name not in MAY_BE_EMPTY])
def test_a_value_of_the_wrong_type_is_refused(field: str, value: Any):
    with pytest.raises(RecipeError):
        Recipe.from_json(written(**{field: value}))


def test_deep_nesting_is_refused_whether_the_json_reader_bears_it_or_not():
    for depth in range(700, 1100, 3):
        nested = "[" * depth + "]" * depth
        with pytest.raises(RecipeError):
            Recipe.from_json(RECIPE.to_json().replace('"steps": 30', f'"steps": {nested}'))


@settings(max_examples=300)
@given(st.data())
def test_any_json_is_a_recipe_or_refused(data: st.DataObject):
    values = json.loads(RECIPE.to_json())
    place = data.draw(
        st.sampled_from([values, values["augmentations"], values["prompts"][0], values["prompts"]])
    )
    keys = range(len(place)) if isinstance(place, list) else sorted(place)
    place[data.draw(st.sampled_from(keys))] = data.draw(JSON)
    try:
        recipe = Recipe.from_json(json.dumps(values))
    except RecipeError as error:
        assert str(error).isprintable()
    else:
        assert Recipe.from_json(recipe.to_json()) == recipe


@given(st.text() | JSON.map(json.dumps))
def test_any_text_is_refused(text: str):
    with pytest.raises(RecipeError):
        Recipe.from_json(text)


def test_recipes_with_the_longest_prompts_and_pictures_are_read():
    longest = tuple(Prompt('"' * MAX_PROMPT_LENGTH) for _ in range(MAX_PROMPTS - 1))
    small, large = ImagePrompt(b"x" * 5), ImagePrompt(bytes(2_000_000))
    recipe = replace(
        RECIPE, prompts=longest, start="image", init_image=bytes(1_000_001),
        image_prompts=(small, large),
    )  # fmt: skip
    assert Recipe.from_json(recipe.to_json()) == recipe


def test_only_a_tile_has_the_key_and_the_version_of_tiles():
    values = json.loads(RECIPE.to_json())
    assert "tile" not in values
    tile = json.loads(replace(RECIPE, tile="both").to_json())
    assert tile == values | {"version": 5, "tile": "both"}
    assert recipe_from_json(json.dumps(tile)).to_json() == json.dumps(tile)
    assert recipe_from_json(written(tile="none")) == RECIPE
