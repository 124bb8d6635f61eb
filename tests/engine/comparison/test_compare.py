from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine.comparison.compare import Comparison, compare
from engine.comparison.similarity import similarity
from engine.comparison.systems import System, default_painters, find_systems
from engine.errors import ModelError, RecipeError, UsageError
from engine.models.catalogue import PAINTERS
from engine.models.loading import Models
from engine.models.painter_entry import demo_painters
from engine.models.tensors import to_tensor
from engine.painting import paint
from engine.recipes.kinds import AnyRecipe
from engine.settings import EngineSettings

PROMPT = "a red circle"
BOTH = ("tiny-glide", "tiny-mindalle")


def run(painters: tuple[str, ...], *, tries: int = 2, prompts: tuple[str, ...] = (PROMPT,)):
    systems = find_systems("demo", painters, tries=tries, steps=1)
    return compare(systems, prompts, seed=7, device="cpu", precision="float32")


def names(comparison: Comparison) -> list[str]:
    return [painted.system.name for painted in comparison.painted]


def test_the_systems_are_those_of_the_paper_the_fastest_first():
    systems = find_systems("demo", BOTH)
    assert [(system.name, system.tries) for system in systems] == [
        ("GLIDE (CLIP-guided)", 5),
        ("GLIDE (CF-guided)", 5),
        ("minDALL-E", 5),
        ("VQGAN-CLIP", 1),
    ]


def test_systems_of_one_name_are_told_apart_by_their_models():
    entry = PAINTERS["tiny-mindalle"]
    PAINTERS["other"] = replace(entry, name="other")
    try:
        systems = find_systems("demo", ("tiny-mindalle", "other"))
    finally:
        del PAINTERS["other"]
    assert {each.name for each in systems} > {"minDALL-E, tiny-mindalle", "minDALL-E, other"}


def test_what_cannot_paint_from_words_is_refused():
    entry = PAINTERS["tiny-mindalle"]
    PAINTERS["editor"] = replace(entry, name="editor", painter="open-edit")
    try:
        with pytest.raises(UsageError, match="'editor' change pictures"):
            find_systems("demo", ("editor",))
        settings = EngineSettings(painters=("editor", "tiny-mindalle"))
        assert default_painters("imagenet-16384", settings) == ("tiny-mindalle",)
        assert default_painters("demo", settings) == ("demo-glide", "demo-mindalle")
    finally:
        del PAINTERS["editor"]
    with pytest.raises(ModelError, match="no models called 'nothing'"):
        find_systems("demo", ("nothing",))


def test_demo_models_are_compared_with_demo_painters_and_others_with_published_ones(
    monkeypatch: pytest.MonkeyPatch,
):
    editor = replace(PAINTERS["tiny-glide"], name="editor", can_inpaint=True)
    monkeypatch.setitem(PAINTERS, "editor", editor)
    settings = EngineSettings()
    assert default_painters("demo", settings) == ("demo-glide", "demo-mindalle")
    published = default_painters("imagenet-16384", settings)
    assert set(published) >= set(BOTH)
    assert not {"editor", *demo_painters()} & set(published)


def test_every_system_paints_its_tries_and_clip_chooses(models: Models):
    comparison = run(BOTH)
    assert names(comparison) == [system.name for system in find_systems("demo", BOTH)]
    assert not comparison.failures
    for painted in comparison.painted:
        seeds = [each.recipe.seed for each in painted.tries]
        assert seeds == ([7] if painted.system.name == "VQGAN-CLIP" else [7, 8])
        seen = [
            similarity(to_tensor(each.picture), PROMPT, models.perceptors) for each in painted.tries
        ]
        assert seen == pytest.approx([each.similarity for each in painted.tries], abs=0.01)
        assert painted.best.similarity == max(each.similarity for each in painted.tries)
        assert all(each.seconds > 0 for each in painted.tries)


def test_a_try_is_the_picture_of_its_recipe(models: Models):
    (ours,) = run(()).painted
    recipe = replace(ours.best.recipe, enlarge=1)
    assert paint(recipe, models).tobytes() == ours.best.picture.tobytes()


def test_a_system_that_fails_leaves_the_others(monkeypatch: pytest.MonkeyPatch):
    entry = PAINTERS["tiny-glide"]
    files = {**entry.files, "base": Path("missing.safetensors")}
    monkeypatch.setitem(PAINTERS, "tiny-glide", replace(entry, files=files))
    comparison = run(BOTH, tries=1)
    assert names(comparison) == ["minDALL-E", "VQGAN-CLIP"]
    (failure,) = comparison.failures
    assert failure.system.models == "tiny-glide"
    assert "missing.safetensors are missing" in str(failure.error)


def test_a_prompt_that_a_system_cannot_read_leaves_its_others():
    comparison = run(("tiny-mindalle",), tries=1, prompts=("red", "red | blue", "a|b:2", "blue"))
    assert [each.prompt for each in comparison.painted] == [
        *("red", "blue"),
        *("red", "red | blue", "a|b:2", "blue"),
    ]
    (failure,) = comparison.failures
    assert isinstance(failure.error, RecipeError)


class Stopping:
    """A progress that stops during the third picture."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    @property
    def is_stopped(self) -> bool:
        return len(self.seen) == 3

    @contextmanager
    def painting(self, system: System, recipe: AnyRecipe) -> Generator[Callable[[], None]]:
        del recipe
        self.seen.append(system.name)
        yield lambda: None


def test_a_comparison_that_is_stopped_keeps_the_pictures_that_are_done():
    systems = find_systems("demo", ("tiny-glide",), tries=2, steps=1)
    progress = Stopping()
    comparison = compare(
        systems, (PROMPT,), seed=0, device="cpu", precision="float32", progress=progress
    )
    assert progress.seen == ["GLIDE (CLIP-guided)"] * 2 + ["GLIDE (CF-guided)"]
    assert names(comparison) == ["GLIDE (CLIP-guided)"]
    assert len(comparison.painted[0].tries) == 2


def test_similarity_is_the_mean_of_the_cosines():
    class Fixed:
        input_size = 4

        def __init__(self, x: float, y: float) -> None:
            self.seen = torch.tensor([[x, y]])

        def encode_image(self, images: torch.Tensor) -> torch.Tensor:
            assert images.shape == (1, 3, 4, 4)
            return self.seen

        def encode_text(self, texts: object) -> torch.Tensor:
            assert texts == ["red"]
            return torch.tensor([[1.0, 0.0]])

        def truncate_to_context(self, text: str) -> str:
            return text

    image = torch.rand(1, 3, 9, 6)
    assert similarity(image, "red", [Fixed(1, 0), Fixed(0.6, 0.8)]) == pytest.approx(0.8)
