"""Clips in another style: they move as their source does, and the style sticks to things."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.demo.judge import Judge
from engine.editing.enlarging import enlarged
from engine.editing.followups import restart_from, variation_of, with_extra_steps
from engine.editing.restyle import restyle_recipe
from engine.errors import PictureError, RecipeError
from engine.films import shown_frames
from engine.images.stored_clip import clip_frames
from engine.models.catalogue import CATALOGUE
from engine.models.loading import Models
from engine.models.tensors import to_picture, to_tensor
from engine.recipes.film import Clip, Film
from engine.recipes.kinds import AnyRecipe, vqgan_clip_recipe
from engine.recipes.pictures import check_complete, without_pictures
from engine.recipes.recipe import Recipe
from engine.recipes.start_image import init_image
from engine.vqgan_clip import loop
from engine.vqgan_clip.clip_between import restyled_between
from engine.vqgan_clip.generation import Generation
from engine.vqgan_clip.memory_estimate import estimate_run
from engine.vqgan_clip.memory_plan import PLANS
from engine.vqgan_clip.optical_flow import find_flow
from tests.engine.vqgan_clip.clips import moving_disk, stored
from tests.engine.vqgan_clip.resuming import paint_saving_each_step, resumed_from

GREEN = "a green circle on a blue background"
QUICK = Film(frames=2, camera="still", steps=2, frames_per_second=12, between=1)
COUNT = 8
"""Frames of the clip; with one between two, 4 are painted, and one follows the last of them."""


@pytest.fixture(scope="module")
def video() -> bytes:
    return stored(moving_disk(COUNT))


def recipe_of(video: bytes, **changes: Any) -> Recipe:
    values = {"size": (64, 64), "shown": COUNT, "seed": 3, "steps": 4, "cutouts": 2, "film": QUICK}
    return restyle_recipe(GREEN, video, **(values | changes))


def frames_of(run: Generation) -> Iterator[Tensor]:
    while not run.done:
        run.step()
        if run.recipe.frame_after(run.steps_done) is not None:
            yield run.image()


def place(frame: Tensor) -> float:
    """Return x, in pixels, of the middle of what a judge takes for the object."""
    mask = Judge().object_mask(frame[0].permute(1, 2, 0).numpy())
    return float(np.nonzero(mask)[1].mean())


def test_a_clip_keeps_moving_in_its_new_color_and_does_not_flicker(models: Models):
    source = moving_disk(13)
    film = Film(frames=2, camera="still", frames_per_second=8, between=2)
    recipe = restyle_recipe(
        GREEN, stored(source), size=(64, 64), shown=13, seed=1, film=film, steps=40, enlarge=1
    )
    painted = list(frames_of(Generation(recipe, models)))
    shown = [to_tensor(each) for each in shown_frames(map(to_picture, painted), recipe)]
    assert (len(painted), len(shown)) == (5, 13)
    verdicts = [Judge().verdict(each[0].permute(1, 2, 0).numpy()) for each in shown]
    assert {each.background for each in verdicts} == {"blue"}
    assert [each.color for each in verdicts].count("green") >= 12
    assert [place(each) for each in shown] == pytest.approx(
        [place(each[None]) for each in source], abs=1.5
    )
    own = [each[None] for each in source]
    assert flicker(shown, own) < 1.5 * flicker(own, own) + 1 / 255


def flicker(frames: list[Tensor], source: list[Tensor]) -> float:
    """Return how much frames differ from the last ones, moved as their source moves."""
    steps: list[float] = []
    for number, (before, after) in enumerate(pairwise(frames), 1):
        flow = find_flow(source[number], source[number - 1])
        steps.append(float(((after - flow.warp(before)).abs() * flow.certain).mean()))
    return float(np.mean(steps))


@pytest.mark.parametrize(("keep", "preset"), [(0.9, "demo"), (0.0, "demo"), (0.5, "paper")])
def test_a_clip_resumed_at_any_step_has_the_same_bytes(
    models: Models, video: bytes, keep: float, preset: str
):
    recipe = recipe_of(video, keep=keep, preset=preset)
    states, pictures = paint_saving_each_step(recipe, models)
    for steps, state in states.items():
        resumed = resumed_from(state, recipe, models)
        if steps:
            assert torch.equal(resumed.image(), pictures[steps])
        resumed.step()
        assert torch.equal(resumed.image(), pictures[resumed.steps_done]), steps


def test_a_frame_that_fails_loses_nothing(
    models: Models, video: bytes, monkeypatch: pytest.MonkeyPatch
):
    recipe = recipe_of(video)
    expected = list(frames_of(Generation(recipe, models)))
    run = Generation(recipe, models)

    def fail(*_: object) -> None:
        raise MemoryError

    for boundary in (4, 6, 8):  # before the first frame and between frames
        while run.steps_done < boundary:
            run.step()
        before = run.image()
        with monkeypatch.context() as patch:
            patch.setattr(loop, "compute_gradients", fail)
            with pytest.raises(MemoryError):
                run.step()
        run.shown = None
        assert torch.equal(run.image(), before)
        run.plan = PLANS[0]
    assert torch.equal(list(frames_of(run))[-1], expected[-1])


def test_two_clips_that_take_turns_are_those_painted_alone(models: Models, video: bytes):
    recipes = [recipe_of(video), recipe_of(video, seed=9, keep=0.2)]
    alone = [list(frames_of(Generation(each, models)))[-1] for each in recipes]
    runs = [Generation(each, models) for each in recipes]
    while not all(run.done for run in runs):
        for run in runs:
            run.step()
    assert all(torch.equal(run.image(), each) for run, each in zip(runs, alone, strict=True))


def test_things_that_come_into_view_get_the_new_colors_too(models: Models):
    """A red disk enters a clip whose first frames show it only partly."""
    source = moving_disk(9, step=0.05)
    recipe = recipe_of(stored(source), shown=9, steps=40, cutouts=8, film=replace(QUICK, steps=4))
    last = list(frames_of(Generation(recipe, models)))[-1]
    assert Judge().verdict(last[0].permute(1, 2, 0).numpy()).color == "green"


def test_a_cut_in_a_clip_begins_anew(models: Models):
    """After a cut, nothing of the frames before it may be left."""
    before, after = moving_disk(4), moving_disk(4, color="yellow").flip(-1, -2)
    recipe = recipe_of(stored(torch.cat([before, after])), steps=20)
    last = list(frames_of(Generation(recipe, models)))[-1]
    assert place(last) == pytest.approx(place(after[-2, None]), abs=2)


def test_frames_between_follow_the_clip_and_cover_all_of_it(video: bytes):
    film = Film(frames=2, camera="still", frames_per_second=8, between=2)
    clip = Clip(video, keep_structure=1.0)
    own = [to_tensor(each) for each in clip_frames(video)]
    film = replace(film, frames=film.painted_of(COUNT), clip=clip)
    shown = list(restyled_between((1 - each for each in own[::3]), film, clip))
    assert len(shown) == COUNT
    assert torch.equal(shown[0], 1 - own[0]) and torch.equal(shown[3], 1 - own[3])
    for each, frame in zip(shown, own, strict=True):
        assert float((each - (1 - frame)).abs().mean()) < 0.03
    stopped = list(restyled_between((1 - each for each in own[:4:3]), film, clip))
    assert len(stopped) == 4


def test_the_flow_finds_motion_between_equally_bright_colors():
    frames = moving_disk(2, step=0.06)
    levels = torch.tensor([0.299, 0.587, 0.114])[:, None, None]
    frames = frames - (frames * levels).sum(1, keepdim=True) + 0.5  # no brightness is left
    flow = find_flow(frames[1:], frames[:1])
    moved = (flow.warp(frames[:1]) - frames[1:]).abs().mean()
    assert moved < 0.3 * (frames[:1] - frames[1:]).abs().mean()
    uncovered = flow.certain[0, 0, 32, 10]
    assert 0 <= float(uncovered) <= 1


def refused(recipe: AnyRecipe, models: Models) -> str:
    with pytest.raises((RecipeError, PictureError)) as caught:
        Generation(vqgan_clip_recipe(recipe), models)
    return str(caught.value)


def test_recipes_whose_clip_does_not_fit_are_refused_by_name(models: Models, video: bytes):
    recipe = recipe_of(video)
    assert recipe.film is not None and recipe.clip is not None
    for changed, reason in (
        (replace(recipe, width=32), "the clip is 64x64 pixels, but the film 32x64"),
        (replace(recipe, film=replace(recipe.film, frames=9)), "of the clip 4 frames"),
        (replace(recipe, film=replace(recipe.film, frames_per_second=10)), "24 shown a second"),
        (without_pictures(recipe), "left out when it was posted"),
    ):
        assert reason in refused(changed, models)
    for content in (b"rubbish", video[: len(video) // 2], b"\0" * 2**20):
        broken = replace(recipe.clip, video=content)
        said = refused(replace(recipe, film=replace(recipe.film, clip=broken)), models)
        assert said.startswith("Cannot read")


def test_clips_that_no_film_can_have_are_refused(video: bytes):
    clip = Clip(video)
    for values, reason in (
        ({"camera": "zoom"}, "only the clip moves"),
        ({"camera": "still", "loop": True}, "only the clip moves"),
    ):
        with pytest.raises(RecipeError, match=reason):
            Film(frames=4, clip=clip, **values)  # pyright: ignore
    with pytest.raises(RecipeError, match="at most 11 MiB"):
        Clip(b"\0" * (11 * 2**20 + 1))
    with pytest.raises(RecipeError, match="keep_structure"):
        Clip(video, keep_structure=2)
    with pytest.raises(RecipeError, match="needs one picture"):
        replace(recipe_of(video), start="codes")


def test_the_recipe_of_a_clip_is_read_back_and_other_films_are_as_before(video: bytes):
    recipe = recipe_of(video)
    assert Recipe.from_json(recipe.to_json()) == recipe
    film = replace(recipe, start="codes", film=Film(frames=4))
    assert '"clip"' not in film.to_json()
    shared = without_pictures(recipe)
    assert len(shared.to_json()) < 2000
    assert Recipe.from_json(shared.to_json()) == shared
    with pytest.raises(RecipeError, match="clip that this recipe restyles was left out"):
        check_complete(shared)


def test_what_can_follow_a_clip_and_what_cannot(models: Models, video: bytes):
    recipe = recipe_of(video)
    frame = init_image(to_picture(moving_disk(1)), (64, 64))
    assert recipe.has_fixed_length
    with pytest.raises(RecipeError, match="as long as the clip"):
        with_extra_steps(recipe, 10)
    with pytest.raises(RecipeError, match="begins with the first frame of the clip"):
        restart_from(recipe, frame)
    variation = variation_of(recipe, frame, 8)
    assert (variation.seed, variation.film) == (8, recipe.film)
    first = next(frames_of(Generation(variation, models)))
    assert not torch.equal(first, next(frames_of(Generation(recipe, models))))
    larger = enlarged(recipe, frame)
    assert (larger.size[0], larger.film, larger.start) == (128, None, "image")


def test_a_clip_needs_more_memory_than_a_picture_of_its_size(video: bytes):
    recipe = recipe_of(video)
    still = replace(recipe, film=None, start="codes")
    estimates = [estimate_run(each, CATALOGUE["demo"], PLANS[0]) for each in (recipe, still)]
    assert estimates[0] > estimates[1]


def test_a_clip_can_tell_a_story(models: Models, video: bytes):
    line = "a green circle ^ a yellow circle"
    values = {"size": (64, 64), "shown": COUNT, "seed": 3, "steps": 3, "cutouts": 2}
    story = restyle_recipe(line, video, film=QUICK, **values)  # pyright: ignore
    assert [story.story_share(steps) for steps in (0, 3, 11)] == [0, 0, 1]
    assert len(list(frames_of(Generation(story, models)))) == 4
