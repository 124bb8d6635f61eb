"""Which recipes of Open-Edit are refused, and why."""

from typing import Any

import pytest

from engine.errors import RecipeError
from engine.recipes.edit import Edit
from engine.recipes.open_edit_recipe import OpenEditRecipe


def recipe(**values: Any) -> OpenEditRecipe:
    defaults: dict[str, Any] = {
        "models": "open-edit",
        "seed": 1,
        "side": 224,
        "old": "blue car",
        "new": "red car",
        "edit": Edit(b"a picture"),
    }
    return OpenEditRecipe(**defaults | values)


def test_defaults_are_the_published_ones():
    assert (recipe().alpha, recipe().is_global, recipe().optimization_steps) == (5, False, 10)
    assert recipe().total_steps == 11  # the last one makes the picture


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"edit": None}, "needs a picture"),
        ({"edit": Edit(b"a picture", b"a mask")}, "takes no mask"),
        ({"edit": Edit(b"a picture", keep_look=1.0)}, "leave out how much to keep"),
        ({"edit": Edit(b"a picture", keep_structure=1.0)}, "leave out how much to keep"),
        ({"edit": Edit(b"a picture", keep_latent=1.0)}, "leave out how much to keep"),
        ({"new": " Blue  CAR "}, "both phrases are 'Blue CAR', so nothing would change"),
        ({"old": ""}, "prompt"),
        ({"alpha": float("nan")}, "alpha"),
        ({"optimization_steps": -1}, "optimization_steps"),
    ],
)
def test_recipes_that_cannot_be_carried_out_are_refused(values: dict[str, Any], message: str):
    with pytest.raises(RecipeError, match=message):
        recipe(**values)
