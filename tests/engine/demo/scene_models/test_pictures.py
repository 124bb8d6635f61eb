"""Tests of the drawn scenes that models are trained on."""

from pathlib import Path

import torch

from engine.demo.scene_models.attributes import MIDDLE, Attributes, said_of
from engine.demo.scene_models.pictures import DrawnScenes, draw_scenes
from engine.demo.scenes.description import held_out_pairs


def test_variants_show_the_same_thing_in_the_same_light(scenes: DrawnScenes) -> None:
    """Variants of a core differ in size and place only."""
    shown = scenes.attributes
    for slot in ("sky", "ground", "medium", "relation", "kind", "color"):
        values = getattr(shown, slot)
        by_core = values.view(12, 4, -1)
        assert (by_core == by_core[:, :1]).all()
    assert (shown.place.view(12, 4, 2) != shown.place.view(12, 4, 2)[:, :1]).any()


def test_what_is_not_said_of_a_thing_is_usual(scenes: DrawnScenes) -> None:
    """Without a place it stands in the middle, and without a size it is a medium one."""
    shown = scenes.attributes
    claims = said_of(shown, torch.Generator().manual_seed(1))
    alone = claims.of_one_thing()
    assert alone.any()
    assert (shown.place[alone & (claims.place[:, 0] < 0), 0] == MIDDLE).all()
    assert torch.equal(claims.size[alone], shown.size[alone])
    nothing = torch.zeros(12, dtype=torch.long)
    said = claims[nothing + 4 * torch.arange(12)].replace(
        place=torch.full((12, 2), -1), size=torch.full((12, 2), -1)
    )
    core = torch.arange(12)[said.of_one_thing()]
    pictures = scenes.picture(core, nothing[core])
    found = scenes.shows(core, scenes.nearest(core, said[core], pictures))
    has_usual = shown.are_usual().view(12, 4).any(1)[core]
    assert found.are_usual()[has_usual].all()


def test_no_picture_shows_a_pair_that_is_held_out(scenes: DrawnScenes) -> None:
    """Sentences with held-out pairs measure what training never showed."""
    pairs = held_out_pairs()
    for row in range(len(scenes.attributes)):
        claim = scenes.attributes.claim(row)
        for thing in claim.things:
            assert (thing.kind, thing.color) not in pairs
            assert (thing.kind, f"on {claim.ground}") not in pairs


def test_drawing_goes_on_where_files_are(scenes: DrawnScenes, folder: Path) -> None:
    """The second time nothing is drawn, and the pictures are the same."""
    before = sorted(each.stat().st_mtime_ns for each in folder.glob("*.npy"))
    again = draw_scenes(folder, seed=3, processes=1, cores=12, variants=4)
    assert sorted(each.stat().st_mtime_ns for each in folder.glob("*.npy")) == before
    assert (again.pixels == scenes.pixels).all()


def test_a_picture_is_most_similar_to_itself(scenes: DrawnScenes) -> None:
    """The goal of a finished picture is that picture."""
    core, variant = torch.arange(12), torch.arange(12) % 4
    pictures = scenes.picture(core, variant)
    found = scenes.nearest(core, said_nothing(12), pictures)
    assert torch.equal(scenes.picture(core, found), pictures)


def test_the_nearest_picture_has_what_is_said(scenes: DrawnScenes) -> None:
    """A place that is said rules out pictures of another one, however similar they are."""
    core = torch.arange(12)
    first = scenes.shows(core, torch.zeros(12, dtype=torch.long))
    has_thing = first.kind[:, 0] >= 0
    said = said_nothing(12).replace(place=first.place)
    others = scenes.picture(core, torch.full((12,), 3))
    shown = scenes.shows(core, scenes.nearest(core, said, others))
    assert torch.equal(shown.place[has_thing], first.place[has_thing])


def test_what_is_said_is_true(scenes: DrawnScenes) -> None:
    """Whatever is left out, the rest is what the scene shows, and something is always said."""
    random = torch.Generator().manual_seed(1)
    for _ in range(40):
        said = said_of(scenes.attributes, random)
        says_something = torch.zeros(len(said), dtype=torch.bool)
        for name, values in vars(said).items():
            true = getattr(scenes.attributes, name)
            assert ((values == true) | (values < 0)).all()
            says_something |= (values >= 0).view(len(said), -1).any(1)
        assert says_something.all()


def said_nothing(count: int) -> Attributes:
    """Return claims that say nothing."""
    none, pair = torch.full((count,), -1), torch.full((count, 2), -1)
    return Attributes(none, none, none, none, pair, pair, pair, pair)
