import math
from typing import Any

import pytest

from engine.errors import RecipeError
from engine.recipes.augmentations import PAPER, Augmentations

SWITCHES = ("flip", "affine", "perspective", "jitter", "noise")


@pytest.mark.parametrize("name", SWITCHES)
def test_one_group_alone_keeps_its_strengths_and_turns_the_others_off(name: str):
    alone = PAPER.only(name)
    assert {switch: getattr(alone, switch) for switch in SWITCHES} == {
        switch: getattr(PAPER, switch) if switch == name else 0 for switch in SWITCHES
    }
    assert (alone.crop_min, alone.crop_max) == (1, 1)
    assert alone.degrees == PAPER.degrees


def test_crops_alone_and_none_at_all():
    crops, nothing = PAPER.only("crop"), PAPER.only("none")
    assert (crops.crop_min, crops.crop_max) == (PAPER.crop_min, PAPER.crop_max)
    assert (nothing.crop_min, nothing.crop_max) == (1, 1)
    assert all(getattr(alone, switch) == 0 for alone in (crops, nothing) for switch in SWITCHES)


def test_an_unknown_group_is_refused_by_name():
    with pytest.raises(RecipeError, match="called 'sharpness'; there are: crop, flip"):
        PAPER.only("sharpness")


@pytest.mark.parametrize(
    ("values", "culprit"),
    [
        ({"flip": 1.1}, "flip must be between 0 and 1, not 1.1"),
        ({"noise": -0.1}, "noise must be between 0 and 1, not -0.1"),
        ({"degrees": 181}, "degrees must be between 0 and 180, not 181"),
        ({"hue": 0.6}, "hue must be between 0 and 0.5, not 0.6"),
        ({"distortion": 0.5}, "distortion must be between 0 and 0.4, not 0.5"),
        ({"affine": math.nan}, "affine must be between 0 and 1, not nan"),
        ({"affine": 10**400}, "affine must be between 0 and 1"),
        ({"affine": "1"}, "affine must be a number, not '1'"),
        ({"affine": True}, "affine must be a number, not True"),
        ({"affine": None}, "affine must be a number, not None"),
        ({"crop_min": 0}, "crop_min must be above 0"),
        ({"crop_min": 0.8, "crop_max": 0.7}, "crop_min must be above 0 and at most crop_max"),
    ],
)
def test_strengths_that_are_not_allowed_are_refused_by_name(values: dict[str, Any], culprit: str):
    with pytest.raises(RecipeError, match=culprit):
        Augmentations(**values)
