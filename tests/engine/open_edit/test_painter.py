"""Which recipes and which files the painter takes, and what comes of a picture."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from engine.editing.edit_recipe import composite_result
from engine.errors import ModelError, PictureError, RecipeError
from engine.models.tensors import to_picture, to_tensor
from engine.open_edit.painter import OpenEdit
from engine.painting import paint, save_painting
from engine.provenance import read_provenance
from engine.recipes.edit import Edit
from engine.recipes.glide_recipe import GlideRecipe
from engine.recipes.kinds import recipe_from_json
from tests.engine.open_edit import small
from tests.engine.open_edit.small import recipe


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"models": "open-edit"}, "the recipe is for the models 'open-edit'"),
        ({"side": 224}, "pictures of 64 pixels per side, not 224"),
        ({"old": "green tractor"}, "know no word of 'green tractor'"),
        ({"new": "tractor tractor"}, "know no word of 'tractor tractor'"),
    ],
)
def test_recipes_that_do_not_fit_are_refused(
    painter: OpenEdit, values: dict[str, Any], message: str
):
    with pytest.raises(RecipeError, match=message):
        painter.begin(recipe(**values))


def test_recipes_of_other_painters_are_refused(painter: OpenEdit):
    other = GlideRecipe(models=small.NAME, seed=1, side=small.SIDE, prompt="a red car")
    with pytest.raises(RecipeError, match="recipes of open-edit only, not of glide"):
        painter.begin(other)


@pytest.mark.parametrize("content", [b"no picture", b"\x89PNG\r\n\x1a\n"])
def test_a_source_that_is_no_picture_is_refused(painter: OpenEdit, content: bytes):
    with pytest.raises(PictureError, match="the picture to edit"):
        painter.begin(recipe(edit=Edit(content)))


def test_a_recipe_without_its_picture_is_refused(painter: OpenEdit):
    with pytest.raises(RecipeError, match="left out"):
        painter.begin(recipe(edit=Edit(b"")))


def test_one_known_word_is_enough(painter: OpenEdit):
    assert painter.begin(recipe(old="shiny car")).steps_done == 0


def test_a_recipe_read_back_gives_the_same_picture(painter: OpenEdit):
    first = recipe(optimization_steps=0, alpha=2.5)
    second = recipe_from_json(first.to_json())
    assert second == first
    assert painter.begin(first).image().equal(painter.begin(second).image())


def test_the_source_is_stretched_to_a_square_and_back(painter: OpenEdit):
    run = painter.begin(recipe(optimization_steps=0))
    painted = to_picture(run.image())
    assert painted.size == (small.SIDE, small.SIDE)
    assert composite_result(painted, run.recipe).size == small.picture().size


def test_the_whole_source_is_seen(painter: OpenEdit):
    source = small.picture(80, 48)
    changed = source.copy()
    changed.paste((255, 0, 0), (0, 0, 6, 48))  # the left edge, which a crop would lose
    one, other = (
        painter.begin(recipe(edit=Edit(small.png(each)), optimization_steps=0)).image()
        for each in (source, changed)
    )
    assert not one.equal(other)


def test_digests_name_every_file(painter: OpenEdit, paths: dict[str, Path]):
    assert painter.digests.keys() == {path.name for path in paths.values()}
    assert all(len(each) == 64 for each in painter.digests.values())


def test_loading_in_lower_precision_stays_near(painter: OpenEdit, paths: dict[str, Path]):
    lowered = small.load(paths, torch.bfloat16)
    one = recipe(optimization_steps=1)
    runs = [each.begin(one) for each in (painter, lowered)]
    for run in runs:
        run.step()
    exact, rounded = (run.image() for run in runs)
    assert rounded.dtype == torch.float32
    assert (exact - rounded).abs().mean() < 0.05


def rewritten(path: Path, change: Callable[[dict[str, torch.Tensor], dict[str, Any]], None]):
    """Write a weights file again beside its folder, with what `change` does to it."""
    with safe_open(path, framework="pt") as file:
        config = json.loads(file.metadata()["config"])
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    change(tensors, config)
    return tensors, {"config": json.dumps(config)}


def drop(tensors: dict[str, torch.Tensor], _: dict[str, Any]) -> None:
    tensors.popitem()


def add(tensors: dict[str, torch.Tensor], _: dict[str, Any]) -> None:
    tensors["surplus"] = torch.zeros(1)


def misshape(tensors: dict[str, torch.Tensor], _: dict[str, Any]) -> None:
    name = next(name for name, each in tensors.items() if each.dim() == 4)
    tensors[name] = torch.zeros(1, 1, 1, 1)


def spoil(tensors: dict[str, torch.Tensor], _: dict[str, Any]) -> None:
    name = next(name for name, each in tensors.items() if each.dim() == 4)
    tensors[name] = torch.full_like(tensors[name], torch.nan)


def enlarge_architecture(_: dict[str, torch.Tensor], config: dict[str, Any]) -> None:
    config["hidden" if "hidden" in config else "channels"] = 2**30


def misname(_: dict[str, torch.Tensor], config: dict[str, Any]) -> None:
    config["code"] = "import os"


@pytest.mark.parametrize("role", ["embedding", "edges", "decoder", "perceptual"])
@pytest.mark.parametrize("change", [drop, add, misshape, spoil, enlarge_architecture, misname])
def test_damaged_and_foreign_files_are_refused(
    paths: dict[str, Path], tmp_path: Path, role: str, change: Callable[..., None]
):
    tensors, metadata = rewritten(paths[role], change)
    damaged = tmp_path / f"{role}.safetensors"
    save_file(tensors, damaged, metadata=metadata)
    with pytest.raises(ModelError, match=damaged.name):
        small.load(paths | {role: damaged})


def test_a_decoder_for_another_embedding_is_refused(paths: dict[str, Path], tmp_path: Path):
    config = replace(small.DECODER, width=1)
    decoder = small.filled(small.Decoder(config))
    other = small.write(
        tmp_path / "decoder.safetensors", decoder, {"width": 1, "hidden": 5, "cells": 2}
    )
    with pytest.raises(ModelError, match="for vectors of 16 numbers"):
        small.load(paths | {"decoder": other})


def test_a_missing_file_is_named(paths: dict[str, Path], tmp_path: Path):
    with pytest.raises(ModelError, match=r"edges\.safetensors are missing"):
        small.load(paths | {"edges": tmp_path / "edges.safetensors"})


def test_pictures_are_made_in_the_color_order_that_they_were_read_in(painter: OpenEdit):
    """A red source and a blue one differ for the edges, which read blue first."""
    red, blue = torch.zeros(2, 3, small.SIDE, small.SIDE).split(1)
    red[:, 0], blue[:, 2] = 1, 1
    assert not painter.models.edges(red).equal(painter.models.edges(blue))
    assert to_tensor(to_picture(red)).equal(red)


def test_a_painted_file_tells_how_to_paint_it_again(painter: OpenEdit, tmp_path: Path):
    made = recipe(optimization_steps=1, is_global=True)
    picture = paint(made, painter)
    path = tmp_path / "edited.png"
    save_painting(picture, path, made, painter.digests)
    found = read_provenance(path)
    assert (found.recipe, found.steps) == (made, 2)
    assert found.digests == painter.digests
    assert paint(found.recipe, painter).tobytes() == picture.tobytes()
