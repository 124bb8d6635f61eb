import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from engine import Models, RecipeError, load_models
from engine.demo.scenes.description import Description, Thing
from engine.demo.scenes.drawing import draw as draw_scene
from engine.demo.world import PALETTE
from engine.editing.segmentation import MAX_REGIONS, find_regions
from engine.editing.text_masks import BATCH, TextMask, find_mask

GROUND = PALETTE["blue"]


def scene(width: int = 64, height: int = 64) -> tuple[Image.Image, np.ndarray, np.ndarray]:
    """Draw a red circle left of a yellow square on blue; return it with both masks."""
    picture = Image.new("RGB", (width, height), GROUND)
    draw = ImageDraw.Draw(picture)
    side, middle = height // 3, height // 2
    left, right = width // 12, width - width // 12 - side
    top = middle - side // 2
    draw.ellipse((left, top, left + side, top + side), fill=PALETTE["red"])
    draw.rectangle((right, top, right + side, top + side), fill=PALETTE["yellow"])
    pixels = np.asarray(picture)
    return picture, *((pixels == PALETTE[colour]).all(2) for colour in ("red", "yellow"))


def overlap(found: TextMask, truth: np.ndarray) -> float:
    mask = np.asarray(found.mask) > 127
    return (mask & truth).sum() / (mask | truth).sum()


@pytest.mark.parametrize(
    ("phrase", "number"),
    [("the red circle", 0), ("a circle", 0), ("yellow square", 1), ("something yellow", 1)],
)
def test_of_two_objects_the_one_that_is_named_is_found(models: Models, phrase: str, number: int):
    picture, *truths = scene()
    found = find_mask(picture, phrase, models)
    assert found.found
    assert overlap(found, truths[number]) > 0.9


@pytest.mark.parametrize("phrase", ["the green star", "a purple ring"])
def test_what_is_not_there_is_not_found(models: Models, phrase: str):
    picture, *_ = scene()
    assert not find_mask(picture, phrase, models).found


def test_nothing_is_found_in_an_empty_picture(models: Models):
    picture = Image.new("RGB", (64, 64), GROUND)
    assert not find_mask(picture, "the red circle", models).found


@pytest.mark.parametrize("size", [(100, 64), (640, 400), (64, 200)])
def test_masks_are_as_large_as_the_picture_and_as_exact(models: Models, size: tuple[int, int]):
    square = scene(64, 64)[0].resize((min(size), min(size)), Image.Resampling.LANCZOS)
    picture = Image.new("RGB", size, GROUND)
    picture.paste(square, ((size[0] - min(size)) // 2, (size[1] - min(size)) // 2))
    difference = np.asarray(picture).astype(int) - PALETTE["red"]
    found = find_mask(picture, "the red circle", models)
    assert found.mask.size == found.relevance.size == picture.size
    assert found.mask.mode == found.relevance.mode == "L"
    assert set(np.unique(np.asarray(found.mask))) == {0, 255}
    assert overlap(found, np.abs(difference).max(2) < 60) > 0.9


def test_relevance_is_highest_where_the_mask_is(models: Models):
    found = find_mask(scene()[0], "the red circle", models)
    relevance, mask = np.asarray(found.relevance), np.asarray(found.mask) > 127
    assert relevance.min() == 0
    assert (relevance[mask] == 255).all()
    assert (relevance[~mask] < 255).all()


def test_the_same_question_gets_the_same_answer(models: Models):
    picture, *_ = scene()
    first, second = (find_mask(picture, "the red circle", models) for _ in range(2))
    assert first == second


def test_the_papers_way_marks_where_and_keeps_nearly_everything(models: Models):
    picture, red, yellow = scene()
    found = find_mask(picture, "the red circle", models, "paper")
    relevance = np.asarray(found.relevance)
    assert relevance[red].mean() > relevance[yellow].mean()
    assert (np.asarray(found.mask) > 0).mean() > 0.8


@pytest.mark.parametrize("method", ["regions", "occlusion", "paper"])
@pytest.mark.parametrize("size", [(1, 1), (2, 900)])
def test_odd_pictures_get_masks_of_their_size(models: Models, method, size: tuple[int, int]):
    picture = Image.effect_noise(size, 80).convert("RGB")
    assert find_mask(picture, "the red circle", models, method).mask.size == size


@pytest.fixture(scope="module")
def scene_models() -> Models:
    """Load the pair that paints scenes, whose perceptor knows whole pictures only."""
    return load_models("scenes", "cpu", "float32")


@pytest.mark.parametrize(
    ("kind", "color", "place"), [("cat", "orange", "left"), ("windmill", "red", "right")]
)
def test_a_thing_in_a_landscape_is_found_wherever_it_stands(
    scene_models: Models, kind: str, color: str, place: str
):
    thing = Thing(kind, color, "large", place)
    drawing = draw_scene(Description("day", "meadow", (thing,)), seed=1)
    picture = Image.fromarray(drawing.picture)
    found = find_mask(picture, f"a {color} {kind}", scene_models)
    assert found.found
    assert overlap(found, drawing.masks[0]) > 0.6
    assert not find_mask(picture, "a blue rocket", scene_models).found


@pytest.mark.parametrize("phrase", ["", " \n"])
def test_an_empty_phrase_is_refused_in_words(models: Models, phrase: str):
    with pytest.raises(RecipeError, match="the phrase is empty"):
        find_mask(scene()[0], phrase, models)


def test_perceptors_are_averaged_and_seen_at_their_own_size_in_batches():
    class Spy:
        """Likes one colour channel, and writes down what it is shown."""

        def __init__(self, size: int, channel: int) -> None:
            self.input_size, self.channel = size, channel
            self.shapes: list[tuple[int, ...]] = []

        def encode_image(self, images: Tensor) -> Tensor:
            self.shapes.append(tuple(images.shape))
            return images.mean((2, 3))

        def encode_text(self, texts: list[str]) -> Tensor:
            return torch.eye(3)[[self.channel] * len(texts)]

        def truncate_to_context(self, text: str) -> str:
            return text

    class Device:
        device = torch.device("cpu")

    picture = Image.new("RGB", (64, 64), "black")
    draw = ImageDraw.Draw(picture)
    colours = [(255, 0, 0), (0, 255, 0), (200, 200, 0), (60, 60, 90), (120, 0, 120), (0, 90, 255)]
    for number, colour in enumerate(colours):
        x, y = 4 + 20 * (number % 3), 6 + 30 * (number // 3)
        draw.rectangle((x, y, x + 11, y + 11), fill=colour)
    spies = Spy(8, 0), Spy(16, 1)
    models = Models("spies", Device(), spies, {})  # pyright: ignore[reportArgumentType]
    both = find_mask(picture, "anything", models)
    yellow = (np.asarray(picture) == (200, 200, 0)).all(2)
    assert overlap(both, yellow) > 0.8
    for spy in spies:
        assert all(shape[1:] == (3, spy.input_size, spy.input_size) for shape in spy.shapes)
        assert all(shape[0] <= BATCH for shape in spy.shapes)
        assert len(spy.shapes) > 1


def test_regions_are_few_and_one_of_them_is_the_object():
    noise = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    assert 1 <= len(find_regions(noise)) <= MAX_REGIONS
    picture, red, _ = scene()
    image = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None] / 255
    best = max((region & red).sum() / (region | red).sum() for region in find_regions(image))
    assert best > 0.9
