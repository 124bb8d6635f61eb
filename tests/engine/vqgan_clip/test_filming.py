"""Films: frames while a camera moves, resumed anywhere, longer later, and loops that close."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from engine import make_recipe
from engine.errors import RecipeError
from engine.models.loading import Models
from engine.recipes.film import CAMERAS, Film
from engine.recipes.recipe import Recipe
from engine.vqgan_clip import checkpoints, loop
from engine.vqgan_clip.between import with_between
from engine.vqgan_clip.camera import moved, pose
from engine.vqgan_clip.generation import Generation
from tests.engine.vqgan_clip.resuming import paint_saving_each_step, resumed_from

FILM = Film(frames=4, steps=2, camera="drift", speed=3.0)


def film_recipe(film: Film = FILM, **changes: object) -> Recipe:
    values = {"seed": 3, "size": (32, 24), "steps": 3, "cutouts": 2} | changes
    recipe = make_recipe("a red circle on a blue background", **values)  # pyright: ignore
    return replace(recipe, film=film)


def frames_of(run: Generation) -> Iterator[Tensor]:
    while not run.done:
        run.step()
        if run.recipe.frame_after(run.steps_done) is not None:
            yield run.image()


def disk(x: float = 0.0, y: float = 0.0, radius: float = 0.3, side: int = 64) -> Tensor:
    """Return a white disk on black, (1, 3, H, W), at a place from -1 to 1."""
    line = (torch.arange(side) + 0.5) / side * 2 - 1
    inside = (line[None] - x).square() + (line[:, None] - y).square() < radius**2
    return inside.float().expand(1, 3, -1, -1).clone()


def place_of(picture: Tensor) -> tuple[float, float, float]:
    """Return x, y and the area, in pixels of a picture of the side 2, of what is white."""
    side = picture.shape[-1]
    line = (torch.arange(side) + 0.5) / side * 2 - 1
    white = picture[0, 0]
    total = white.sum()
    x, y = (white * line[None]).sum() / total, (white * line[:, None]).sum() / total
    return float(x), float(y), float(total * 4 / side**2)


def after(film: Film, frames: float, picture: Tensor) -> Tensor:
    return moved(picture, film, 1, 0, frames)


def test_a_zoom_makes_things_larger_and_the_other_way_smaller():
    area = place_of(disk())[2]
    closer = place_of(after(Film(frames=9, camera="zoom"), 8, disk()))[2]
    farther = place_of(after(Film(frames=9, camera="zoom", speed=-1), 8, disk()))[2]
    assert closer == pytest.approx(area * np.exp(0.02 * 8) ** 2, rel=0.05)
    assert farther == pytest.approx(area / np.exp(0.02 * 8) ** 2, rel=0.05)


def test_a_pan_to_the_right_moves_things_to_the_left():
    x, y, area = place_of(after(Film(frames=9, camera="pan"), 8, disk()))
    assert (x, y) == pytest.approx((-0.16, 0), abs=0.02)
    assert area == pytest.approx(place_of(disk())[2], rel=0.03)


def test_a_turn_keeps_the_shape_of_things_on_a_wide_picture():
    wide = torch.cat([torch.zeros(1, 3, 64, 32), disk(), torch.zeros(1, 3, 64, 32)], dim=3)
    turned = after(Film(frames=91, camera="turn"), 90, wide)[..., 32:-32]  # no mirror images
    white = turned[0, 0] > 0.5
    height, width = (int(white.any(axis).sum()) for axis in (1, 0))
    assert abs(height - width) <= 2


def test_a_still_camera_changes_nothing():
    assert torch.allclose(after(Film(frames=9, camera="still"), 8, disk()), disk(), atol=1e-4)


def test_depth_moves_what_is_near_more_than_what_is_far():
    film = Film(frames=48, camera="depth")
    corner = disk(-0.85, -0.85, 0.1)
    both = (disk() + 0.15 * corner).clamp(0, 1)  # a faint, so far, thing on the black
    seen = after(film, 12, both)
    near = place_of((seen > 0.5).float())[0] - place_of((both > 0.5).float())[0]
    faint = [((each > 0.05) & (each < 0.3)).float()[..., :20, :20] for each in (both, seen)]
    far = place_of(faint[1])[0] - place_of(faint[0])[0]
    assert near < -0.02
    assert abs(far) < abs(near) / 2


@pytest.mark.parametrize("camera", CAMERAS)
@pytest.mark.parametrize("loop_", [True, False])
def test_every_camera_begins_at_rest_and_a_loop_ends_where_it_began(camera: str, loop_: bool):
    film = Film(frames=24, camera=camera, loop=loop_, speed=2.0)  # pyright: ignore
    assert pose(film, 7, 1.5, 0) == pytest.approx(np.eye(3), abs=1e-9)
    if loop_:
        assert pose(film, 7, 1.5, 24) == pytest.approx(np.eye(3), abs=1e-9)


def test_the_seed_decides_the_path_of_a_drift():
    film = Film(frames=24, camera="drift")
    assert pose(film, 1, 1.0, 20) == pytest.approx(pose(film, 1, 1.0, 20))
    assert pose(film, 1, 1.0, 20) != pytest.approx(pose(film, 2, 1.0, 20), abs=1e-3)


@pytest.mark.parametrize("loop_", [True, False])
def test_a_film_resumed_at_any_step_has_the_same_bytes(models: Models, loop_: bool):
    recipe = film_recipe(replace(FILM, loop=loop_))
    states, pictures = paint_saving_each_step(recipe, models)
    for steps, state in states.items():
        resumed = resumed_from(state, recipe, models)
        for _ in range(2):
            if not resumed.done:
                resumed.step()
                assert torch.equal(resumed.image(), pictures[resumed.steps_done]), steps


def test_two_films_that_take_turns_are_those_painted_alone(models: Models):
    recipes = [film_recipe(), film_recipe(replace(FILM, camera="zoom", loop=True), seed=9)]
    alone = [list(frames_of(Generation(each, models))) for each in recipes]
    runs = [Generation(each, models) for each in recipes]
    found: list[list[Tensor]] = [[], []]
    while not all(run.done for run in runs):
        for run, own in zip(runs, found, strict=True):
            if not run.done:
                run.step()
                if run.recipe.frame_after(run.steps_done) is not None:
                    own.append(run.image())
    for together, by_itself in zip(found, alone, strict=True):
        assert all(map(torch.equal, together, by_itself))
        assert len(together) == 4


def test_a_longer_film_goes_on_from_the_end_of_a_shorter_one(models: Models):
    short, longer = film_recipe(replace(FILM, frames=2)), film_recipe(replace(FILM, frames=4))
    run = Generation(short, models)
    beginning = list(frames_of(run))
    state = checkpoints.dump(run.state_dict(), short)
    going_on = Generation(longer, models)
    going_on.load_state_dict(checkpoints.load(state, longer))
    assert all(
        map(
            torch.equal,
            [*beginning, *frames_of(going_on)],
            frames_of(Generation(longer, models)),
        )
    )


def test_the_last_frames_of_a_loop_lead_back_to_the_first(models: Models):
    film = Film(frames=12, steps=2, camera="zoom", speed=3.0, loop=True)
    painted = list(frames_of(Generation(film_recipe(film, steps=8), models)))
    assert len(painted) == 12
    levels = [255 * float((each - painted[0]).abs().mean()) for each in painted]
    assert levels[-1] < 2 < max(levels)


def test_a_camera_that_moved_before_a_step_that_failed_is_back(
    models: Models, monkeypatch: pytest.MonkeyPatch
):
    run = Generation(film_recipe(), models)
    for _ in range(5):  # those of the picture and of the first frame
        run.step()
    before, picture = run.state_dict(), run.image()

    def fail(*_: object) -> None:
        raise ValueError("no memory is missing, so it is not tried again")

    with monkeypatch.context() as patch:
        patch.setattr(loop, "compute_gradients", fail)
        with pytest.raises(ValueError, match="no memory"):
            run.step()
    assert torch.equal(run.image(), picture)
    undisturbed = Generation(film_recipe(), models)
    undisturbed.load_state_dict(before)
    run.step()
    undisturbed.step()
    assert torch.equal(run.image(), undisturbed.image())


def test_frames_between_lie_between_their_neighbors():
    film = Film(frames=2, camera="pan", between=3)
    first = disk()
    second = moved(first, film, 1, 0, 1)
    shown = list(with_between([first, second], film, 1))
    places = [place_of(each)[0] for each in shown]
    assert len(shown) == 5
    assert places == pytest.approx(np.linspace(places[0], places[-1], 5), abs=2e-3)
    assert torch.equal(shown[0], first) and torch.equal(shown[-1], second)
    repeated = list(with_between([first, second], replace(film, loop=True), 1))
    assert len(repeated) == 8


IMPOSSIBLE = (
    ({"frames": 1}, "frames must be a whole number from 2"),
    ({"frames": 10**6}, "from 2 to 1000"),
    ({"camera": "fly"}, "camera must be one of still, zoom"),
    ({"speed": float("nan")}, "speed must be a number"),
    ({"steps": 0}, "steps of a frame must be a whole number from 1"),
    ({"frames_per_second": 30, "between": 2}, "90 frames a second"),
    ({"loop": "yes"}, "loop must be of the type"),
)


@pytest.mark.parametrize(("values", "reason"), IMPOSSIBLE)
def test_films_that_cannot_be_are_refused_by_name(values: dict[str, object], reason: str):
    with pytest.raises(RecipeError, match=reason):
        Film(**({"frames": 4} | values))  # pyright: ignore


def test_recipes_that_no_film_can_have_are_refused():
    recipe = film_recipe()
    with pytest.raises(RecipeError, match="neither extra rounds nor an edit"):
        replace(recipe, more=(3,))
    with pytest.raises(RecipeError, match="codebook sampling"):
        replace(recipe, quantization="codebook-sampling")
    with pytest.raises(RecipeError, match="at most 100000 are allowed"):
        replace(recipe, film=Film(frames=1000, steps=1000))


def test_the_recipe_of_a_film_is_read_back_and_that_of_a_picture_is_as_before():
    recipe = film_recipe()
    assert Recipe.from_json(recipe.to_json()) == recipe
    assert '"film"' not in replace(recipe, film=None).to_json()


def test_the_chapters_of_a_story_are_the_parts_of_a_film(models: Models):
    film = Film(frames=4, steps=2, camera="still")
    story = make_recipe("a red circle ^ a blue square", seed=3, size=(32, 24), steps=3, cutouts=2)
    recipe = replace(story, film=film)
    assert recipe.story is not None
    assert [recipe.story_share(steps) for steps in (0, 3, 7, 11)] == [0, 0, 0.5, 1]
    first = replace(film_recipe(film), prompts=story.prompts[:1])
    last = list(frames_of(Generation(recipe, models)))
    only_first = list(frames_of(Generation(first, models)))
    assert torch.equal(last[1], only_first[1])
    assert not torch.allclose(last[3], only_first[3], atol=1e-3)
    assert recipe.has_fixed_length


def test_a_film_goes_on_from_the_chapter_that_its_last_frame_shows():
    story = make_recipe("a red circle ^ a blue square", seed=3, size=(32, 24), steps=3)
    recipe = replace(story, film=Film(frames=4, steps=2))
    told = [recipe.at_chapter(steps).prompts[0].text for steps in (3, 5, 7, 8, 11)]
    assert told == [
        "a red circle",
        "a red circle",
        "a red circle",
        "a blue square",
        "a blue square",
    ]
