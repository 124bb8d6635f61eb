"""A network as a painter: its runs are saved and resumed like those of other painters."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from engine import checkpoints, paint
from engine.editing.enlarging import network_recipe
from engine.editing.upscaler import UpscalerNetwork
from engine.editing.upscaler_painter import NetworkPainter, load_painter
from engine.errors import CheckpointError, RecipeError
from engine.images.image_io import enlarge
from engine.painting import finished_picture
from engine.recipes.kinds import recipe_from_json
from engine.recipes.network_recipe import NetworkRecipe
from engine.recipes.pictures import without_pictures
from tests.engine.editing.test_upscaler import compact, photo


@pytest.fixture
def painter(tmp_path: Path) -> NetworkPainter:
    save_file(compact(2), tmp_path / "net.safetensors")
    return load_painter("network", {"network": tmp_path / "net.safetensors"}, torch.device("cpu"))


@pytest.fixture
def recipe(painter: NetworkPainter) -> NetworkRecipe:
    return network_recipe(photo(), 2, painter.digests["net.safetensors"])


def test_a_run_that_is_resumed_at_any_tile_ends_in_the_bytes_of_the_network(
    tmp_path: Path, painter: NetworkPainter, recipe: NetworkRecipe
):
    expected = UpscalerNetwork(tmp_path / "net.safetensors").enlarge(photo(), 2).tobytes()
    assert paint(recipe, painter).tobytes() == expected
    run = painter.begin(recipe)
    assert finished_picture(run).tobytes() == enlarge(photo(), 2).tobytes()
    for _ in range(recipe.total_steps):
        run.step()
        saved = checkpoints.dump(run.state_dict(), recipe)
        resumed = painter.begin(recipe)
        resumed.load_state_dict(checkpoints.load(saved, recipe))
        while not resumed.done:
            resumed.step()
        assert finished_picture(resumed).tobytes() == expected


def test_a_checkpoint_of_another_picture_is_refused(painter: NetworkPainter, recipe: NetworkRecipe):
    run = painter.begin(recipe)
    run.step()
    state = run.state_dict()
    small = painter.begin(network_recipe(photo((20, 17)), 2, recipe.network))
    with pytest.raises(CheckpointError, match="large"):
        small.load_state_dict(state)


def test_a_recipe_is_read_back_and_can_lack_its_picture(
    painter: NetworkPainter, recipe: NetworkRecipe
):
    assert recipe_from_json(recipe.to_json()) == recipe
    shared = without_pictures(recipe)
    assert recipe_from_json(shared.to_json()) == shared
    with pytest.raises(RecipeError, match="left out"):
        painter.begin(shared)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"factor": 3}, "2 or 4"),
        ({"network": "abc"}, "64 hexadecimal"),
        ({"network": "0" * 64}, "another network"),
        ({"source_width": 4096}, "source_width"),
        ({"source_width": 151}, "150x140 pixels, but its recipe says 151x140"),
        ({"source": b"no picture"}, "picture"),
    ],
)
def test_what_does_not_fit_is_refused(
    painter: NetworkPainter, recipe: NetworkRecipe, values: dict[str, object], reason: str
):
    with pytest.raises(Exception, match=reason):
        painter.begin(replace(recipe, **values))  # pyright: ignore[reportArgumentType]
