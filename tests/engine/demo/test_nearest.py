import pytest
import torch

from engine.demo.nearest import SPREAD, NearestPictures
from engine.demo.world import gathered, palette, render, sample_single_scenes


@pytest.fixture(scope="module")
def nearest() -> NearestPictures:
    return NearestPictures(torch.Generator().manual_seed(1))


def test_a_true_picture_is_found_again(nearest: NearestPictures) -> None:
    scenes = sample_single_scenes(64, torch.Generator().manual_seed(2))
    scenes = gathered(scenes, torch.full((64,), SPREAD))
    true = render(scenes)
    found = nearest.find(true, scenes.shape[:, 0], scenes.color[:, 0], scenes.background)
    error = (found - true).square().flatten(1).mean(1).sqrt()
    assert error.median() < 0.12  # the nearest of 1,500 placements is a pixel or two away
    strangers = (found.roll(1, 0) - true).square().flatten(1).mean(1).sqrt()
    assert error.median() < strangers.median() / 3


def test_what_is_found_has_the_colors_that_were_asked_for(nearest: NearestPictures) -> None:
    random = torch.Generator().manual_seed(3)
    noise = torch.rand(8, 3, 64, 64, generator=random)
    shape, color, background = torch.arange(8) % 6, torch.arange(8), (torch.arange(8) + 3) % 8
    found = nearest.find(noise, shape, color, background)
    assert torch.allclose(found[:, :, 0, 0], palette()[background])
    distance = (found - palette()[color][:, :, None, None]).abs().sum(1)
    assert (distance.flatten(1).min(1).values < 0.01).all()


def test_a_shifted_object_is_found_where_it_is(nearest: NearestPictures) -> None:
    picture = torch.zeros(1, 3, 64, 64)
    picture[:, :] = palette()[2][:, None, None]
    picture[:, :, 16:46, 24:54] = palette()[0][:, None, None]
    found = nearest.find(picture, torch.tensor([1]), torch.tensor([0]), torch.tensor([2]))
    red = (found[0] - palette()[0][:, None, None]).abs().sum(0) < 0.1
    rows, columns = red.nonzero().float().mean(0)
    assert abs(rows - 30.5) < 3 and abs(columns - 38.5) < 4
