import hashlib
import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from engine import (
    Generation,
    ModelError,
    Models,
    PictureError,
    Provenance,
    Recipe,
    RecipeError,
    edit_recipe,
    init_image,
    make_recipe,
    paint,
    read_provenance,
    read_recipe,
    save_painting,
)
from engine.images.png import read_text, replace_text, save_png
from engine.models.catalogue import CATALOGUE
from engine.models.painter import Run
from engine.models.tensors import to_picture
from engine.painting import check_paintable, finished_picture
from engine.recipes.edit import Edit, ImagePrompt
from engine.recipes.prompts import parse_prompts

SQUARE = Image.linear_gradient("L").convert("RGB").resize((64, 64))


def small(prompt: str = "a red circle", **changes: Any) -> Recipe:
    return make_recipe(
        prompt, **({"seed": 1, "size": (32, 24), "steps": 3, "cutouts": 2} | changes)
    )


def encoded(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


WRITTEN = {"vqgan-clip-recipe": small().to_json()}
"""A painting's text."""


def test_painting_tells_of_every_step_and_shows_the_picture_enlarged(models: Models):
    told: list[tuple[int, float]] = []
    recipe = small(enlarge=3)

    def tell(run: Run) -> None:
        assert isinstance(run, Generation)
        told.append((run.steps_done, run.loss))

    picture = paint(recipe, models, tell)
    run = Generation(recipe, models)
    for step, loss in told:
        run.step()
        assert (run.steps_done, run.loss) == (step, loss)
    assert run.done
    assert picture.size == (96, 72)
    assert picture == finished_picture(run)


def test_a_picture_that_is_not_enlarged_shows_the_pixels_as_painted(models: Models):
    recipe = small(enlarge=1)
    run = Generation(recipe, models)
    while not run.done:
        run.step()
    assert paint(recipe, models) == to_picture(run.image())


def test_what_is_raised_at_a_step_ends_the_run(models: Models):
    steps = []

    def stop_at_two(run: Run) -> None:
        steps.append(run.steps_done)
        if run.steps_done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        paint(small(), models, stop_at_two)
    assert len(steps) == 2


@pytest.mark.parametrize(
    "prompt", ["a red circle", r"at 12\:30 | fog:-0.5:-1", "🎨 \\\\ دائرة\x07"]
)
def test_a_painting_tells_how_it_was_made(tmp_path: Path, models: Models, prompt: str):
    recipe = small(prompt)
    save_painting(SQUARE, tmp_path / "a.png", recipe, models.digests)
    assert read_recipe(tmp_path / "a.png") == recipe
    text = read_text(tmp_path / "a.png")
    assert parse_prompts(text["Description"]) == recipe.prompts
    made_by = json.loads(text["vqgan-clip-models"])
    weights = CATALOGUE["demo"].generator
    assert made_by["name"] == "demo"
    assert made_by["sha256"][weights.name] == hashlib.sha256(weights.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("written", "read"),
    [("float32", "float32"), ("bfloat16", "bfloat16"), ("", ""), ("float8", "")],
)
def test_a_painting_tells_the_precision_that_painted_it(tmp_path: Path, written: str, read: str):
    path = tmp_path / "a.png"
    save_painting(SQUARE, path, small(), {"a": "b"}, precision=written)
    assert read_provenance(path) == Provenance(small(), small().total_steps, {"a": "b"}, read)


@pytest.mark.parametrize("precision", [3, None, ["float32"], {"float32": 1}])
def test_a_precision_that_is_none_is_unknown(tmp_path: Path, precision: Any):
    save_painting(SQUARE, tmp_path / "a.png", small(), {})
    content = (tmp_path / "a.png").read_bytes()
    texts = read_text(content) | {"vqgan-clip-models": json.dumps({"precision": precision})}
    assert read_provenance(replace_text(content, texts)).precision == ""


@pytest.mark.parametrize("from_image", [False, True])
def test_the_recipe_of_a_painting_paints_the_same_file(
    tmp_path: Path, models: Models, from_image: bool
):
    start = tmp_path / "start.png"
    SQUARE.save(start)
    recipe = small(init_image=init_image(start, (32, 24)) if from_image else None)
    save_painting(paint(recipe, models), tmp_path / "a.png", recipe, models.digests)
    again = read_recipe(tmp_path / "a.png")
    assert again == recipe
    save_painting(paint(again, models), tmp_path / "b.png", again, models.digests)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_an_existing_file_is_replaced_only_with_force(tmp_path: Path):
    path = tmp_path / "a.png"
    save_painting(SQUARE, path, small(seed=1), {})
    with pytest.raises(PictureError, match="exists already"):
        save_painting(SQUARE, path, small(seed=2), {})
    assert read_recipe(path).seed == 1
    save_painting(SQUARE, path, small(seed=2), {}, force=True)
    assert read_recipe(path).seed == 2


@pytest.mark.parametrize(
    ("text", "culprit"),
    [
        ({}, "contains no recipe, only PNG files painted by this program do"),
        ({"Description": "a red circle"}, "contains no recipe"),
        ({"vqgan-clip-recipe": "a red circle"}, "not valid JSON"),
        ({"vqgan-clip-recipe": '{"version": 7}'}, "version 7, newer than 6"),
        ({"vqgan-clip-recipe": '{"version": 1}'}, "prompts must be a list"),
        (WRITTEN | {"vqgan-clip-models": "{"}, "about the models is not valid JSON"),
        (WRITTEN | {"vqgan-clip-models": "[" * 100_000}, "about the models is not valid JSON"),
        (WRITTEN | {"vqgan-clip-models": "[]," * 10_000}, "about the models is not valid JSON"),
        (WRITTEN | {"vqgan-clip-models": "[]"}, "must name a SHA-256 for each file"),
        (WRITTEN | {"vqgan-clip-models": '{"sha256": {"a": 1}}'}, "must name a SHA-256"),
        (WRITTEN | {"vqgan-clip-stopped-at": "-1"}, "steps taken must be .* from 0 to 3"),
        (WRITTEN | {"vqgan-clip-stopped-at": "4"}, "steps taken must be .* from 0 to 3"),
        (WRITTEN | {"vqgan-clip-stopped-at": "9" * 5000}, "steps taken must be .* from 0 to 3"),
        (WRITTEN | {"vqgan-clip-stopped-at": ""}, "steps taken must be .* from 0 to 3"),
        (WRITTEN | {"vqgan-clip-stopped-at": "²"}, "steps taken must be .* from 0 to 3"),
    ],
)
def test_a_picture_without_a_recipe_to_read_is_refused(
    tmp_path: Path, text: dict[str, str], culprit: str
):
    save_png(SQUARE, tmp_path / "a.png", text=text)
    with pytest.raises(RecipeError, match=culprit) as caught:
        read_provenance(tmp_path / "a.png")
    assert "a.png'" in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_recipe_is_read_from_a_json_file_too(tmp_path: Path):
    recipe = small("🎨 | fog:-1")
    for start in (b"", b"\xef\xbb\xbf"):
        (tmp_path / "a.json").write_bytes(start + recipe.to_json().encode())
        assert read_provenance(tmp_path / "a.json") == Provenance(recipe, recipe.steps, {})


@pytest.mark.parametrize("content", [b"rubbish", b"\xff\xfe\x00", b"[]", b"{}", b"GIF89a"])
def test_a_file_that_is_neither_png_nor_json_holds_no_recipe(tmp_path: Path, content: bytes):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(RecipeError, match=r"a\.png'"):
        read_recipe(tmp_path / "a.png")


def test_a_file_that_cannot_be_read_holds_no_recipe(tmp_path: Path):
    with pytest.raises(PictureError, match="no such file"):
        read_recipe(tmp_path / "b.png")
    with pytest.raises(PictureError, match="folder"):
        read_recipe(tmp_path)


def test_a_run_that_was_stopped_stops_there_again(tmp_path: Path, models: Models):
    path = tmp_path / "a.png"
    stopped = Generation(small(), models)
    stopped.step()
    save_painting(finished_picture(stopped), path, small(), models.digests, steps=1)
    origin = read_provenance(path)
    assert origin == Provenance(small(), 1, models.digests)
    assert paint(origin.recipe, models, steps=origin.steps) == finished_picture(stopped)


def test_what_could_be_painted_passes():
    start = encoded(SQUARE.resize((32, 24)))
    like = (ImagePrompt(encoded(SQUARE)),)
    check_paintable(small(init_image=start, image_prompts=like))
    check_paintable(edit_recipe("a star", SQUARE, mask=SQUARE.convert("L"), seed=1))


@pytest.mark.parametrize(
    ("recipe", "error", "culprit"),
    [
        (replace(small(), models="vast"), ModelError, "no models called 'vast'"),
        (small(size=(33, 24)), RecipeError, "33x24 is off the latent grid"),
        (small(init_image=b"rubbish"), PictureError, "initial image"),
        (small(init_image=encoded(SQUARE)), RecipeError, "is 64x64 pixels"),
        (small(start="image", edit=Edit(b"rubbish")), PictureError, "the picture to edit"),
        (small(start="image", edit=Edit(encoded(SQUARE), b"rubbish")), PictureError, "the mask"),
        (
            small(start="image", edit=Edit(encoded(SQUARE), encoded(Image.new("L", (9, 9))))),
            RecipeError,
            "the mask is 9x9 pixels",
        ),
        (small(image_prompts=(ImagePrompt(b"rubbish"),)), PictureError, "the image prompt"),
    ],
)
def test_what_could_not_begin_to_be_painted_is_refused(
    recipe: Recipe, error: type[Exception], culprit: str
):
    with pytest.raises(error, match=culprit):
        check_paintable(recipe)


def test_a_run_of_several_rounds_takes_all_their_steps(tmp_path: Path, models: Models):
    recipe, path = small(more=(2,)), tmp_path / "a.png"
    told: list[int] = []
    picture = paint(recipe, models, lambda run: told.append(run.steps_done))
    assert told == [1, 2, 3, 4, 5]
    save_painting(picture, path, recipe, models.digests, steps=5)
    assert read_provenance(path) == Provenance(recipe, 5, models.digests)
    save_painting(picture, path, recipe, models.digests, steps=4, force=True)
    assert read_provenance(path).steps == 4


@pytest.mark.parametrize("size", [(64, 64), (32, 32), (48, 20)])
def test_an_initial_image_is_brought_to_the_size_of_the_picture(
    tmp_path: Path, size: tuple[int, int]
):
    path = tmp_path / "a.jpg"
    SQUARE.save(path)
    for source in (path, path.read_bytes()):
        with Image.open(io.BytesIO(init_image(source, size))) as fitted:
            assert (fitted.format, fitted.mode, fitted.size) == ("PNG", "RGB", size)


def test_an_initial_image_of_the_right_size_keeps_its_pixels(tmp_path: Path):
    SQUARE.save(tmp_path / "a.png")
    with Image.open(io.BytesIO(init_image(tmp_path / "a.png", (64, 64)))) as fitted:
        assert fitted.tobytes() == SQUARE.tobytes()


@pytest.mark.parametrize("content", [b"", b"rubbish", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_picture_is_no_initial_image(content: bytes):
    with pytest.raises(PictureError):
        init_image(content, (32, 32))


def test_recipes_and_pictures_need_no_torch():
    program = (
        "import sys, engine; engine.make_recipe('a star', seed=1); engine.read_recipe; "
        "engine.save_painting; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_the_origin_is_read_from_bytes_as_from_a_file(tmp_path: Path):
    path = tmp_path / "square.png"
    save_painting(SQUARE, path, small(), {"a": "b"})
    assert read_provenance(path.read_bytes()) == read_provenance(path)
    with pytest.raises(PictureError, match="the sketch"):
        read_provenance(b"", name="the sketch")
    with pytest.raises(RecipeError, match="the sketch"):
        read_provenance(b"no recipe", name="the sketch")
