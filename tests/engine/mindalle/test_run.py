from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.errors import CheckpointError, ModelError, RecipeError
from engine.mindalle.painter import MinDalle, load_painter
from engine.mindalle.run import MinDalleRun
from engine.mindalle.transformer import CodeTransformer, TransformerConfig
from engine.models.catalogue import find_models
from engine.models.loading import save_weights
from engine.recipes.glide_recipe import GlideRecipe
from engine.recipes.mindalle_recipe import MinDalleRecipe
from tests.engine.mindalle.small import random_transformer

CONFIG = TransformerConfig(
    tokens=5,
    text_length=4,
    codes=512,
    width=16,
    layers=1,
    heads=2,
    words=("red", "blue", "star"),
)
"""A transformer for the demo VQGAN."""
RECIPE = MinDalleRecipe(models="tiny", prompt="a red star", seed=5, side=64, candidates=2)
LAST = RECIPE.total_steps


def write_transformer(folder: Path, config: TransformerConfig = CONFIG) -> Path:
    from dataclasses import asdict

    path = folder / "transformer.safetensors"
    transformer: CodeTransformer = random_transformer(config)
    save_weights(transformer, asdict(config), path)
    return path


def files(transformer: Path) -> dict[str, Path]:
    shipped = find_models("demo")
    (clip,) = shipped.perceptors
    return {"decoder": shipped.generator, "transformer": transformer, "perceptor": clip}


def load(paths: dict[str, Path]) -> MinDalle:
    return load_painter("tiny", paths, torch.device("cpu"), torch.float32)


@pytest.fixture(scope="module")
def painter(tmp_path_factory: pytest.TempPathFactory) -> MinDalle:
    return load(files(write_transformer(tmp_path_factory.mktemp("weights"))))


def advance(run: MinDalleRun, steps: int) -> None:
    for _ in range(steps):
        run.step()


@pytest.fixture(scope="module")
def finished(painter: MinDalle) -> MinDalleRun:
    run = painter.begin(RECIPE)
    advance(run, LAST)
    return run


def test_a_run_ends_with_the_candidate_that_clip_prefers(painter: MinDalle, finished: MinDalleRun):
    assert finished.done and finished.steps_done == 18
    state = finished.state_dict()
    similarities: torch.Tensor = state["similarities"]
    assert len(set(state["codes"].flatten().tolist())) > 50
    codes = state["codes"][similarities.argmax()].view(1, 16, 16)
    vqgan = painter.models.vqgan
    expected = vqgan.decode(vqgan.codebook[codes].movedim(-1, 1)).clamp(0, 1)
    assert torch.equal(finished.image(), expected)
    words = painter.models.perceptor.encode_text([RECIPE.prompt])
    cosine = (painter.models.perceptor.encode_image(expected) * words).sum()
    torch.testing.assert_close(similarities.max(), cosine, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="done"):
        finished.step()


@pytest.mark.parametrize("steps", [0, 1, 7, 15, 16, 17, 18])
def test_a_run_resumed_after_any_step_ends_in_the_same_bytes(
    painter: MinDalle, finished: MinDalleRun, steps: int
):
    first = painter.begin(RECIPE)
    advance(first, steps)
    resumed = painter.begin(RECIPE)
    resumed.load_state_dict(first.state_dict())
    assert torch.equal(resumed.image(), first.image())
    advance(resumed, LAST - steps)
    assert torch.equal(resumed.image(), finished.image())
    assert torch.equal(resumed.state_dict()["codes"], finished.state_dict()["codes"])


def test_interleaved_runs_equal_separate_ones(painter: MinDalle, finished: MinDalleRun):
    other = replace(RECIPE, prompt="blue", seed=6, candidates=1)
    alone = painter.begin(other)
    advance(alone, LAST)
    runs = painter.begin(RECIPE), painter.begin(other)
    before = torch.get_rng_state()
    for _ in range(LAST):
        for run in runs:
            run.step()
    assert torch.equal(runs[0].image(), finished.image())
    assert torch.equal(runs[1].image(), alone.image())
    assert torch.equal(torch.get_rng_state(), before)


def test_a_picture_grows_row_by_row_and_is_gray_below(painter: MinDalle):
    run = painter.begin(RECIPE)
    with pytest.raises(ValueError, match="no step"):
        _ = run.last_seen
    assert (run.image() == 0.5).all()
    advance(run, 5)
    picture = run.image()
    assert picture.shape == (1, 3, 64, 64)
    assert (picture[:, :, 20:] == 0.5).all()
    assert not (picture[:, :, 16:20] == 0.5).any(dim=(1, 3)).all()
    assert torch.equal(run.last_seen, picture)
    picture.zero_()
    assert run.image().any()


def test_a_step_that_fails_changes_nothing(
    painter: MinDalle, finished: MinDalleRun, monkeypatch: pytest.MonkeyPatch
):
    run = painter.begin(RECIPE)
    advance(run, 3)
    with monkeypatch.context() as patched:
        calls: list[int] = []
        draw = torch.multinomial

        def fail_in_the_row(*arguments: Any, **options: Any) -> torch.Tensor:
            calls.append(1)
            if len(calls) == 9:
                raise MemoryError
            return draw(*arguments, **options)

        patched.setattr(torch, "multinomial", fail_in_the_row)
        with pytest.raises(MemoryError):
            run.step()
    assert run.steps_done == 3
    advance(run, LAST - 3)
    assert torch.equal(run.image(), finished.image())


@pytest.mark.parametrize(
    "change",
    [
        {"codes": torch.full((2, 256), 512)},
        {"codes": torch.full((2, 256), -1)},
        {"codes": torch.zeros(3, 256, dtype=torch.long)},
        {"codes": torch.zeros(2, 256)},
        {"codes": None},
        {"similarities": torch.tensor([0.1, torch.nan])},
        {"steps_done": 19},
        {"steps_done": -1},
        {"steps_done": 2.0},
        {"random": None},
        {"random": torch.zeros(7, dtype=torch.uint8)},
        {"more": torch.zeros(1)},
    ],
)
def test_a_checkpoint_of_something_else_is_refused_and_changes_nothing(
    painter: MinDalle, finished: MinDalleRun, change: dict[str, Any]
):
    run = painter.begin(RECIPE)
    run.load_state_dict(finished.state_dict())
    with pytest.raises(CheckpointError):
        run.load_state_dict(finished.state_dict() | change)
    assert torch.equal(run.image(), finished.image())
    assert run.state_dict()["steps_done"] == 18


@pytest.mark.parametrize(
    ("recipe", "problem"),
    [
        (replace(RECIPE, models="other"), "other"),
        (replace(RECIPE, side=128), "64 pixels"),
        (GlideRecipe(models="tiny", prompt="a star", seed=1, side=64), "mindalle"),
    ],
)
def test_a_recipe_for_other_models_is_refused(painter: MinDalle, recipe: Any, problem: str):
    with pytest.raises(RecipeError, match=problem):
        painter.begin(recipe)


def test_the_files_are_named_with_their_hashes(painter: MinDalle):
    assert painter.device == torch.device("cpu")
    assert set(painter.digests) == {
        "vqgan.safetensors",
        "transformer.safetensors",
        "clip.safetensors",
    }


def test_files_that_do_not_fit_together_are_refused(tmp_path: Path):
    with pytest.raises(ModelError, match="511 codes"):
        load(files(write_transformer(tmp_path, replace(CONFIG, codes=511))))
    with pytest.raises(ModelError, match="tokenizer"):
        load(files(write_transformer(tmp_path, replace(CONFIG, words=()))))
    with pytest.raises(ModelError, match="vqgan.safetensors"):
        load(files(find_models("demo").generator))


def test_bfloat16_paints_a_picture_too(tmp_path: Path):
    paths = files(write_transformer(tmp_path))
    painter = load_painter("tiny", paths, torch.device("cpu"), torch.bfloat16)
    run = painter.begin(replace(RECIPE, candidates=1))
    advance(run, LAST)
    assert run.image().dtype == torch.float32
    assert 0 <= run.image().min() < run.image().max() <= 1
