"""Compare the perceptual features with torchvision's VGG."""

import pytest
import torch
from torchvision.models.vgg import make_layers

from engine.open_edit.configs import PerceptualConfig
from engine.open_edit.perceptual import PerceptualFeatures, perceptual_distance
from tests.engine.open_edit.small import PERCEPTUAL, filled, random_numbers
from tests.engine.rounding import assert_equal_up_to_rounding

FIRST_RELUS = (1, 6, 11, 20, 29)
"""Places of the first ReLU of each stage in torchvision's sequence."""


@pytest.fixture(scope="module")
def features() -> PerceptualFeatures:
    return filled(PerceptualFeatures(PERCEPTUAL))


def picture(seed: int = 0) -> torch.Tensor:
    return torch.rand(1, 3, 32, 48, generator=random_numbers(seed))


def test_the_features_are_those_of_torchvisions_vgg(features: PerceptualFeatures):
    a, b, c, d, e = PERCEPTUAL.channels
    plan: list[str | int] = [
        *(a, a, "M"),
        *(b, b, "M"),
        *(c, c, c, c, "M"),
        *(d, d, d, d, "M"),
        *(e, e, e, e, "M"),
    ]
    theirs = make_layers(plan).eval()  # VGG-19 but for the number of channels
    ours = features.features.state_dict()
    theirs.load_state_dict(theirs.state_dict() | ours)
    hidden, expected = picture() * 2 - 1, []
    for number, layer in enumerate(theirs):
        hidden = layer(hidden)
        if number in FIRST_RELUS:
            expected.append(hidden.clone())
    found = features(picture())
    assert [each.shape[2:] for each in found] == [
        (32 // 2**level, 48 // 2**level) for level in range(5)
    ]
    for one, other in zip(found, expected, strict=True):
        assert_equal_up_to_rounding(one, other)


def test_coarse_features_count_more():
    targets = [torch.zeros(1, 2, 3, 3) for _ in range(5)]
    distances = [
        perceptual_distance([each + (level == at) for level, each in enumerate(targets)], targets)
        for at in range(5)
    ]
    assert [each.item() for each in distances] == [1 / 32, 1 / 16, 1 / 8, 1 / 4, 1]


def test_a_picture_has_no_distance_to_itself(features: PerceptualFeatures):
    assert perceptual_distance(features(picture()), features(picture())).item() == 0
    assert perceptual_distance(features(picture(1)), features(picture())).item() > 0.01


@pytest.mark.parametrize("channels", [(4,), (4, 4, 4, 4, 0), (4, 4, 4, 4, 2**20), "4", (True,) * 5])
def test_impossible_channels_are_refused(channels: object):
    with pytest.raises(ValueError, match="channels must be"):
        PerceptualConfig.from_dict({"channels": channels})
