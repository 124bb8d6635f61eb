import torch

from engine.demo.claims import ABOVE, BELOW, Claims, describe, describe_fully
from engine.demo.meaning import SIZE, meanings
from engine.demo.world import COLORS, SHAPES, sample_scenes


def random(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def two(first: tuple[str, str], second: tuple[str, str], relation: int = -1) -> Claims:
    """Two objects, each a color and a shape, on white."""
    unsaid = torch.tensor([-1])
    return Claims(
        shape=torch.tensor([[SHAPES.index(first[1]), SHAPES.index(second[1])]]),
        color=torch.tensor([[COLORS.index(first[0]), COLORS.index(second[0])]]),
        background=torch.tensor([COLORS.index("white")]),
        relation=torch.tensor([relation]),
        size=unsaid,
        place=unsaid,
        empty=torch.tensor([False]),
    )


def test_meanings_are_unit_vectors_and_fit_into_the_space() -> None:
    claims = describe(sample_scenes(500, random(1)), random(2))
    vectors = meanings(claims)
    assert vectors.shape == (500, SIZE)
    assert torch.allclose(vectors.norm(dim=1), torch.ones(500), atol=1e-4)


def test_a_true_caption_is_nearer_to_a_picture_than_those_of_others() -> None:
    scenes = sample_scenes(300, random(3))
    said, shown = meanings(describe(scenes, random(4))), meanings(describe_fully(scenes, random(5)))
    own = (said * shown).sum(1)
    assert (own > said @ shown.T.roll(1, 1)[:, :1].squeeze(1)).float().mean() > 0.8
    assert own.min() > 0.2


def test_every_combination_of_shape_color_and_background_is_a_meaning_of_its_own() -> None:
    combinations = torch.cartesian_prod(torch.arange(6), torch.arange(8), torch.arange(8))
    vectors = meanings(Claims.of_one_object(*combinations.unbind(1)))
    likeness = vectors @ vectors.T - 2 * torch.eye(len(vectors))
    assert likeness.max() < 0.97


def test_what_belongs_to_which_object_matters_and_the_order_of_naming_does_not() -> None:
    red_circle, blue_star = ("red", "circle"), ("blue", "star")
    said = meanings(two(red_circle, blue_star))
    assert torch.allclose(said, meanings(two(blue_star, red_circle)), atol=1e-4)
    exchanged = meanings(two(("blue", "circle"), ("red", "star")))
    assert (said * exchanged).sum() < 0.95
    above = meanings(two(red_circle, blue_star, ABOVE))
    assert torch.allclose(above, meanings(two(blue_star, red_circle, BELOW)), atol=1e-4)
    assert (above * meanings(two(blue_star, red_circle, ABOVE))).sum() < 0.95
