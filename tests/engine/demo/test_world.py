"""The drawn world: what is drawn is what the scene says."""

import math

import pytest
import torch
import torch.nn.functional as F

from engine.demo.world import (
    COLORS,
    SHAPES,
    SIDE,
    Scenes,
    alter,
    gathered,
    object_masks,
    palette,
    render,
    sample_scenes,
)

# Areas at radius 1 by school geometry, from the proportions that the world promises.
AREAS = {
    "circle": math.pi * 0.9**2,
    "square": 1.6**2,
    "triangle": 3 * math.sqrt(3) / 4,
    "ring": math.pi * 0.95**2 * (1 - 0.55**2),
    "cross": 2 * 1.9 * 0.64 - 0.64**2,
    "star": 5 * 0.45 * math.sin(math.radians(36)),
}


def scenes(count: int, seed: int = 1) -> Scenes:
    return sample_scenes(count, torch.Generator().manual_seed(seed))


def test_a_seed_gives_the_same_pictures_and_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    first, second = render(scenes(20)), render(scenes(20))
    assert torch.equal(first, second)
    assert not torch.equal(first, render(scenes(20, seed=2)))
    assert torch.equal(before, torch.get_rng_state())


def test_pictures_are_64_pixels_wide_and_in_range():
    pictures = render(scenes(200))
    assert pictures.shape == (200, 3, 64, 64)
    assert pictures.min() >= 0
    assert pictures.max() <= 1


def test_one_in_five_scenes_has_two_objects_and_a_few_have_none():
    number = scenes(5000).present().sum(dim=1)
    assert (number == 2).float().mean() == pytest.approx(0.20, abs=0.02)
    assert (number == 0).float().mean() == pytest.approx(0.03, abs=0.01)


def test_no_two_things_in_a_scene_share_a_color():
    drawn = scenes(2000)
    assert (drawn.color != drawn.background[:, None]).all()
    pair = drawn.present()[:, 1]
    assert (drawn.color[pair, 0] != drawn.color[pair, 1]).all()


def test_objects_keep_three_pixels_from_the_border():
    covered = object_masks(scenes(1000)).amax(dim=(0, 1))
    covered[3:-3, 3:-3] = 0
    assert covered.max() == 0


def test_two_objects_keep_clear_of_each_other():
    masks = object_masks(scenes(1000))
    widened = F.max_pool2d(masks, kernel_size=3, stride=1, padding=1)
    assert (widened[:, 0] * widened[:, 1]).max() == 0


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_covers_its_area(name: str):
    drawn = scenes(400)
    masks = object_masks(drawn)[:, 0]
    chosen = drawn.shape[:, 0] == SHAPES.index(name)
    expected = AREAS[name] * (drawn.radius[chosen, 0] * SIDE) ** 2
    relative = masks[chosen].sum(dim=(1, 2)) / expected
    assert relative.numpy() == pytest.approx(1, abs=0.03)


def test_only_a_ring_is_hollow_in_the_middle():
    drawn = scenes(400)
    drawn = drawn[drawn.present()[:, 0]]
    x, y = (drawn.center[:, 0] * SIDE).long().unbind(dim=1)
    middle = object_masks(drawn)[torch.arange(len(drawn)), 0, y, x]
    assert torch.equal(middle == 0, drawn.shape[:, 0] == SHAPES.index("ring"))


def test_a_triangle_points_up_and_turns_clockwise():
    upright = scenes(1).replace(
        shape=torch.tensor([[SHAPES.index("triangle"), -1]]),
        center=torch.full((1, 2, 2), 0.5),
        radius=torch.full((1, 2), 0.33),
        angle=torch.zeros(1, 2),
    )
    tip = object_masks(upright)[0, 0].nonzero()[0]
    assert tip[0] == pytest.approx(32 - 0.33 * 64, abs=2)
    turned = upright.replace(angle=torch.full((1, 2), 0.3))
    assert object_masks(turned)[0, 0].nonzero()[0][1] > tip[1] + 3


def test_objects_and_background_have_their_colors():
    drawn = scenes(300)
    drawn = drawn[drawn.present()[:, 0]]
    pictures, mask = render(drawn), object_masks(drawn)
    inside = mask[:, :1] == 1
    mean = (pictures * inside).sum(dim=(2, 3)) / inside.sum(dim=(2, 3))
    assert (mean - palette()[drawn.color[:, 0]]).abs().max() < 0.05
    outside = (mask == 0).all(dim=1)
    away = (pictures - palette()[drawn.background][:, :, None, None]).abs().amax(dim=1)
    assert away[outside].max() < 0.11


def test_edges_are_soft():
    mask = object_masks(scenes(50))
    partly = ((mask > 0) & (mask < 1)).sum(dim=(2, 3))
    assert (partly[mask.amax(dim=(2, 3)) > 0] > 10).all()


def test_indexing_picks_scenes():
    drawn = scenes(10)
    picked = drawn[torch.tensor([7, 2])]
    assert len(picked) == 2
    assert torch.allclose(render(picked), render(drawn)[[7, 2]], atol=1e-4)
    assert len(drawn[3:5]) == 2


def differences(before: Scenes, after: Scenes) -> torch.Tensor:
    """(B, 4) bool: shape, color, background, placement."""
    return torch.stack(
        [
            (before.shape != after.shape).any(dim=1),
            (before.color != after.color).any(dim=1),
            before.background != after.background,
            (before.center != after.center).any(dim=2).any(dim=1),
        ],
        dim=1,
    )


def test_alter_changes_exactly_one_attribute():
    before = scenes(2000)
    after = alter(before, torch.Generator().manual_seed(5))
    changed = differences(before, after)
    assert (changed.sum(dim=1) == 1).all()
    assert (changed.float().mean(dim=0) > 0.2).all()
    assert torch.equal(before.shape[:, 1], after.shape[:, 1])
    assert torch.equal(before.color[:, 1], after.color[:, 1])
    assert torch.equal(before.tint, after.tint)


def test_altered_scenes_are_valid():
    after = alter(scenes(2000), torch.Generator().manual_seed(6))
    assert (after.color != after.background[:, None]).all()
    pair = after.present()[:, 1]
    assert (after.color[pair, 0] != after.color[pair, 1]).all()
    assert after.shape.max() < len(SHAPES)
    assert after.color.max() < len(COLORS)
    covered = object_masks(after).amax(dim=(0, 1))
    covered[3:-3, 3:-3] = 0
    assert covered.max() == 0


def test_empty_scenes_get_another_background():
    before = scenes(2000)
    before = before[~before.present()[:, 0]]
    after = alter(before, torch.Generator().manual_seed(7))
    assert (before.background != after.background).all()
    assert not after.present().any()


def test_gathered_objects_are_upright_in_the_middle_and_pairs_stay() -> None:
    drawn = scenes(300, 21)
    single = ~drawn.present()[:, 1] & drawn.present()[:, 0]
    typical = gathered(drawn, torch.zeros(300))
    assert torch.allclose(typical.center[single], torch.tensor(0.5))
    assert (typical.angle[single] == 0).all()
    assert torch.allclose(render(typical)[~single], render(drawn)[~single], atol=1e-4)
    assert torch.allclose(render(gathered(drawn, torch.ones(300))), render(drawn), atol=1e-4)


def test_replacing_scenes_replaces_those_and_no_others() -> None:
    drawn, others = scenes(20, 22), scenes(20, 23)
    mask = torch.arange(20) % 3 == 0
    pictures = render(drawn.replaced_where(mask, others))
    assert torch.allclose(pictures[mask], render(others)[mask], atol=1e-4)
    assert torch.allclose(pictures[~mask], render(drawn)[~mask], atol=1e-4)
