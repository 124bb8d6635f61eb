"""Line drawings: a generator whose pictures are strokes, and the same strokes as SVG."""

import io
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageDraw

from engine import Generation, RecipeError, edit_recipe, init_image, make_recipe, save_painting
from engine.checkpoints import dump, load
from engine.images.drawing import svg_of
from engine.images.image_io import read_picture
from engine.models import strokes
from engine.models.catalogue import CATALOGUE
from engine.models.loading import load_generator, load_models
from engine.models.strokes import STROKES, Strokes
from engine.painting import check_paintable, svg_in, svg_of_run
from tests.engine.vqgan_clip.test_generation import finish, png

SIZE = (56, 40)
FINE = 8
"""Samples along each axis of a pixel in which an SVG is drawn here."""
SVG = "{http://www.w3.org/2000/svg}"


def generator() -> Strokes:
    made = load_generator(CATALOGUE["demo-strokes"].generator)
    assert isinstance(made, Strokes)
    return made


def start(seed: int = 1, size: tuple[int, int] = SIZE) -> tuple[torch.Tensor, ...]:
    return generator().start(size, "none", torch.Generator().manual_seed(seed))


def drawn(svg: str) -> NDArray[np.float64]:
    """Draw an SVG of cubic curves with round ends by dabs of a brush: (H, W, 3) in [0, 1]."""
    root = ElementTree.fromstring(svg)
    width, height = map(int, root.attrib["viewBox"].split()[2:])
    ground = ImageColor.getrgb(root.find(f"{SVG}rect").attrib["fill"])  # pyright: ignore[reportOptionalMemberAccess]
    picture = np.ones((height * FINE, width * FINE, 3)) * ground / 255
    for path in root.iter(f"{SVG}path"):
        numbers = path.attrib["d"].replace("M", "").replace("C", " ").split()
        points = np.array(numbers, dtype=float).reshape(4, 2) * FINE
        radius = float(path.attrib["stroke-width"]) * FINE / 2
        mask = Image.new("1", (width * FINE, height * FINE))
        brush = ImageDraw.Draw(mask)
        t = np.linspace(0, 1, 200)[:, None]
        weights = np.hstack(((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3))
        for x, y in weights @ points - 0.5:
            brush.ellipse((x - radius, y - radius, x + radius, y + radius), fill=1)
        cover = np.asarray(mask)[..., None] * float(path.attrib["stroke-opacity"])
        color = np.array(ImageColor.getrgb(path.attrib["stroke"])) / 255
        picture = (1 - cover) * picture + cover * color
    return picture.reshape(height, FINE, width, FINE, 3).mean((1, 3))


def test_the_svg_shows_the_picture():
    made, state = generator(), start()
    shown = made.decode(state)[0].permute(1, 2, 0).numpy()
    svg = drawn(svg_of(made.drawing(state)))
    assert shown.shape == svg.shape == (SIZE[1], SIZE[0], 3)
    difference = np.abs(shown - svg)
    assert difference.mean() < 0.01
    assert difference.max() < 0.25  # on edges, which are soft here
    assert np.abs(shown - shown.mean((0, 1))).mean() > 0.05  # there is something to see


def test_strokes_are_spread_over_a_white_ground_at_the_start():
    picture = generator().decode(start(size=(96, 48)))
    corners = picture[0].mean(0).reshape(2, 24, 2, 48)
    assert (corners.amin((1, 3)) < 0.8).all()  # there are strokes in each quarter
    assert picture.median() > 0.8


def test_every_number_has_a_gradient_and_bands_change_nothing(monkeypatch: pytest.MonkeyPatch):
    made = generator()

    def gradients() -> tuple[torch.Tensor, list[torch.Tensor]]:
        state = tuple(each.requires_grad_() for each in start())
        picture = made.decode(state)
        random = torch.Generator().manual_seed(2)
        (picture * torch.rand(picture.shape, generator=random)).sum().backward()
        return picture.detach(), [each.grad for each in state if each.grad is not None]

    whole, own = gradients()
    monkeypatch.setattr(strokes, "_BAND", STROKES * SIZE[0] * 7)
    bands, banded = gradients()
    torch.testing.assert_close(bands, whole, atol=1e-5, rtol=1e-4)
    assert len(own) == len(banded) == len(start())
    for one, other in zip(own, banded, strict=True):
        assert (one != 0).all()
        torch.testing.assert_close(one, other, atol=1e-3, rtol=1e-3)


def test_the_gradient_is_that_of_the_picture():
    made, state = generator(), start()
    weights = torch.rand((1, 3, SIZE[1], SIZE[0]), generator=torch.Generator().manual_seed(2))

    def score(moved: tuple[torch.Tensor, ...]) -> torch.Tensor:
        return (weights * made.decode(moved)).sum()

    numbers = tuple(each.requires_grad_() for each in state)
    score(numbers).backward()
    random = torch.Generator().manual_seed(3)
    for index, each in enumerate(state[:-1]):
        direction = torch.randn(each.shape, generator=random)
        step = 3e-3 * direction
        around = [
            score((*state[:index], (each + sign * step).detach(), *state[index + 1 :]))
            for sign in (1, -1)
        ]
        gradient = numbers[index].grad
        assert gradient is not None
        expected = (gradient * step).sum().item() * 2
        assert (around[0] - around[1]).item() == pytest.approx(expected, rel=0.1, abs=0.02)


def test_a_saved_picture_holds_its_drawing_and_tells_nothing(tmp_path: Path):
    models = load_models("demo-strokes", "cpu", "float32")
    recipe = make_recipe("a star", seed=1, models=models.name, size=SIZE, steps=2, cutouts=2)
    run = Generation(recipe, models)
    finish(run)
    svg = svg_of_run(run)
    save_painting(Image.new("RGB", SIZE), tmp_path / "a.png", recipe, {}, drawing=svg)
    assert svg_in((tmp_path / "a.png").read_bytes()) == svg
    assert "star" not in svg
    root = ElementTree.fromstring(svg)
    width, height = (SIZE[0] * recipe.enlarge, SIZE[1] * recipe.enlarge)
    assert (root.attrib["width"], root.attrib["height"]) == (str(width), str(height))
    shown = run.image()[0].permute(1, 2, 0).numpy()
    assert np.abs(drawn(svg) - shown).mean() < 0.01


def test_a_run_goes_on_from_a_checkpoint_to_the_same_drawing():
    models = load_models("demo-strokes", "cpu", "float32")
    recipe = make_recipe("a star", seed=1, models=models.name, size=(24, 16), steps=4, cutouts=2)
    run, resumed = Generation(recipe, models), Generation(recipe, models)
    run.step()
    resumed.load_state_dict(load(dump(run.state_dict(), recipe), recipe))
    assert torch.equal(finish(run), finish(resumed))
    assert svg_of_run(run) == svg_of_run(resumed)


def test_what_needs_an_encoded_picture_is_refused():
    models = load_models("demo-strokes", "cpu", "float32")
    source = read_picture(png((32, 24)))
    edit = edit_recipe("a star", source, seed=1, models=models.name)
    begun = make_recipe(
        "a star", seed=1, models=models.name, size=SIZE, init_image=init_image(source, SIZE)
    )
    for recipe in (edit, begun, replace(begun, start="noise", init_image=None)):
        with pytest.raises(RecipeError, match=r"encode a picture|cannot start from noise"):
            check_paintable(recipe)
        with pytest.raises(RecipeError, match=r"encode a picture|cannot start from noise"):
            Generation(recipe, models)


def test_a_painter_of_pixels_has_no_drawing():
    models = load_models("demo-pyramid", "cpu", "float32")
    run = Generation(make_recipe("a star", seed=1, models=models.name, size=(16, 16)), models)
    assert svg_of_run(run) == ""
    buffer = io.BytesIO()
    Image.new("RGB", SIZE).save(buffer, "PNG")
    assert svg_in(buffer.getvalue()) == ""
