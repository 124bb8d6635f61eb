"""A pair is checked by a few steps, which must lead to the prompt and not to another one."""

from collections.abc import Sequence

import pytest
from torch import Tensor

from engine.models.clip import ClipPerceptor
from engine.models.loading import Models, load_models
from engine.self_check.pair import check_pair
from engine.self_check.results import Cause

STEPS = 8


class Confused(ClipPerceptor):
    """Takes several texts in the wrong order, so that a picture is compared with another's."""

    def encode_text(self, texts: Sequence[str]) -> Tensor:
        return super().encode_text(texts).flip(0)


@pytest.fixture(scope="module")
def models() -> Models:
    return load_models("demo", "cpu")


def test_steps_lead_to_the_prompt(models: Models):
    result = check_pair(models, "0", steps=STEPS)
    assert result.is_right
    assert result.figures["prompt-1-own-rise"] > 0.05


def test_steps_to_another_prompt_are_caught():
    models = load_models("demo", "cpu")
    models.perceptors[0].__class__ = Confused
    assert check_pair(models, "0", steps=STEPS).causes == (Cause.STEPS,)
