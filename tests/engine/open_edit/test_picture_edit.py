"""What an edit does to cells, and what its losses measure."""

import math

import pytest
import torch
from torch import Tensor

from engine.open_edit.painter import OpenEdit
from engine.open_edit.perceptual import perceptual_distance
from engine.open_edit.picture_edit import Change, PictureEdit, size_loss
from tests.engine.open_edit.small import SIDE, random_numbers

OLD, NEW, OTHER = torch.eye(3).split(1)


def cell(*values: float) -> Tensor:
    return torch.tensor(values).view(1, 3, 1, 1)


def unit(*values: float) -> Tensor:
    return cell(*values) / math.hypot(*values)


def test_a_cell_moves_as_far_as_it_resembles_the_old_phrase():
    change = Change(OLD, NEW, alpha=5, is_global=False)
    torch.testing.assert_close(change.apply(unit(0.6, 0, 0.8)), unit(0.6 - 3, 3, 0.8))
    assert change.apply(cell(0, 0, 1)).equal(cell(0, 0, 1))


def test_all_cells_move_as_far_in_a_global_edit():
    change = Change(OLD, NEW, alpha=5, is_global=True)
    torch.testing.assert_close(change.apply(unit(0.6, 0, 0.8)), unit(0.6 - 5, 5, 0.8))
    torch.testing.assert_close(change.apply(cell(0, 0, 1)), unit(-5, 5, 1))


def test_a_cell_moves_back_as_far_as_it_resembles_the_new_phrase():
    change = Change(OLD, NEW, alpha=5, is_global=False)
    torch.testing.assert_close(change.revert(unit(0, 0.6, 0.8)), unit(3, 0.6 - 3, 0.8))


def test_without_strength_nothing_moves():
    cells = unit(0.6, 0.1, 0.8)
    torch.testing.assert_close(Change(OLD, NEW, alpha=0, is_global=True).apply(cells), cells)


def no_maps(painter: OpenEdit) -> dict[str, Tensor]:
    return {k: torch.zeros(shape) for k, shape in painter.models.decoder.map_shapes().items()}


def some_maps(painter: OpenEdit) -> dict[str, Tensor]:
    rng = random_numbers(7)
    shapes = painter.models.decoder.map_shapes().items()
    return {name: 0.1 * torch.randn(shape, generator=rng) for name, shape in shapes}


def change_of(painter: OpenEdit, *, is_global: bool = False, alpha: float = 5) -> Change:
    embedding = painter.models.embedding
    old, new = (embedding.encode_text(torch.tensor([[1, word, 6, 2]])) for word in (4, 5))
    return Change(old, new, alpha, is_global)


def source() -> Tensor:
    return torch.rand(1, 3, SIDE, SIDE, generator=random_numbers(8))


@pytest.mark.parametrize("is_global", [False, True])
def test_the_result_is_decoded_from_moved_cells_and_the_sources_edges(
    painter: OpenEdit, is_global: bool
):
    models, maps = painter.models, some_maps(painter)
    change = change_of(painter, is_global=is_global)
    found = PictureEdit(models, source(), change).result(maps)
    cells = change.apply(models.embedding.encode_image(source()))
    assert found.equal(models.decoder(cells, models.edges(source()), maps))


def test_a_global_edit_gives_another_picture(painter: OpenEdit):
    one, other = (
        PictureEdit(painter.models, source(), change_of(painter, is_global=is_global)).result(
            no_maps(painter)
        )
        for is_global in (False, True)
    )
    assert (one - other).abs().max() > 0.01


def distance(painter: OpenEdit, picture: Tensor) -> Tensor:
    """Return the distance to the source as the paper has it, for pictures in [-1, 1]."""
    features = painter.models.features
    absolute = ((picture * 2 - 1) - (source() * 2 - 1)).abs().mean()
    return absolute + 10 * perceptual_distance(features(picture), features(source()))


def test_the_reconstruction_is_compared_with_the_source(painter: OpenEdit):
    models, maps = painter.models, some_maps(painter)
    edit = PictureEdit(models, source(), change_of(painter))
    cells, edges = models.embedding.encode_image(source()), models.edges(source())
    expected = distance(painter, models.decoder(cells, edges, maps))
    torch.testing.assert_close(edit.reconstruction_loss(maps), expected, rtol=1e-4, atol=0)


def test_the_cycle_goes_through_the_edited_picture(painter: OpenEdit):
    models, maps, change = painter.models, some_maps(painter), change_of(painter)
    loss, edited = PictureEdit(models, source(), change).cycle_loss(maps)
    assert edited.equal(PictureEdit(models, source(), change).result(maps))
    back = change.revert(models.embedding.encode_image(edited))
    expected = distance(painter, models.decoder(back, models.edges(edited), maps))
    torch.testing.assert_close(loss, expected, rtol=1e-4, atol=0)


def test_the_cycle_has_a_gradient_through_encoder_and_edges(painter: OpenEdit):
    """The gradient is the slope of the loss along it, which it would not be without that part."""
    edit = PictureEdit(painter.models, source(), change_of(painter))
    maps = {name: each.requires_grad_() for name, each in no_maps(painter).items()}
    (slope,) = torch.autograd.grad(edit.cycle_loss(maps)[0], [maps["param1"]])
    assert slope.norm() > 0
    with torch.no_grad():
        unchanged = edit.result(no_maps(painter))
    edited = edit.result(maps)
    cells = painter.models.embedding.encode_image(unchanged)
    back = painter.models.decoder(edit.change.revert(cells), painter.models.edges(unchanged), maps)
    (direct,) = torch.autograd.grad(distance(painter, back), [maps["param1"]])
    assert edited.requires_grad
    assert (slope - direct).abs().max() > 1e-3 * slope.abs().max()


def test_large_maps_are_punished(painter: OpenEdit):
    maps = no_maps(painter)
    maps["param2"] += 2
    torch.testing.assert_close(size_loss(maps).item(), 4e-4 * maps["param2"].numel())
