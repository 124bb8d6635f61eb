"""The lessons of the demo Open-Edit, and the files that come of them."""

from io import BytesIO
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from engine.demo.train_open_edit import (
    DECODER,
    EMBEDDING,
    WORDS,
    demo_edges,
    draw_edits,
    edit_loss,
    outlines,
    save_open_edit,
)
from engine.demo.world import COLORS, SHAPES, palette, sample_scenes
from engine.models.catalogue import PAINTERS
from engine.models.tensors import to_tensor
from engine.open_edit.decoder import Decoder
from engine.open_edit.embedding import JointEmbedding
from engine.open_edit.painter import OpenEdit, load_painter
from engine.recipes.edit import Edit
from engine.recipes.open_edit_recipe import OpenEditRecipe


def random_numbers(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def untrained() -> tuple[JointEmbedding, Decoder]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return JointEmbedding(EMBEDDING), Decoder(DECODER)


def said(tokens: Tensor) -> list[str]:
    return [" ".join(WORDS[number] for number in row[1:-1]) for row in tokens.tolist()]


def test_an_edit_changes_the_color_that_its_phrases_name():
    scenes = sample_scenes(200, random_numbers())
    edits = draw_edits(scenes, random_numbers(1))
    edited = edits.edited
    kinds: set[str] = set()
    for number, (before, after) in enumerate(zip(said(edits.old), said(edits.new), strict=True)):
        *_, color, kind = before.split()
        *_, other, same = after.split()
        assert kind == same and color != other
        main = int(scenes.color[number, 0]), int(edited.color[number, 0])
        ground = int(scenes.background[number]), int(edited.background[number])
        present = {*scenes.color[number].tolist(), ground[0]}
        assert bool(edits.is_absent[number]) == (COLORS.index(color) not in present)
        if edits.is_absent[number]:
            named = ground if kind == "background" else main
            assert COLORS[named[0]] == other
            assert main[0] == main[1] and ground[0] == ground[1]
            kinds.add("absent")
        elif kind == "background":
            assert [COLORS[each] for each in ground] == [color, other] and main[0] == main[1]
            kinds.add(kind)
        else:
            assert [COLORS[each] for each in main] == [color, other] and ground[0] == ground[1]
            assert kind in ("shape", SHAPES[int(scenes.shape[number, 0])])
            kinds.add("object")
    assert kinds == {"absent", "background", "object"}
    assert edited.shape.equal(scenes.shape) and edited.center.equal(scenes.center)


def test_the_edges_of_the_demo_are_differences_of_neighbors():
    images = torch.rand(1, 3, 32, 32, generator=random_numbers())
    torch.testing.assert_close(demo_edges()(images), outlines(images), rtol=1e-4, atol=1e-4)


def test_a_lesson_teaches_every_weight():
    models = nn.ModuleList(untrained()).train()
    embedding, decoder = models
    assert isinstance(embedding, JointEmbedding) and isinstance(decoder, Decoder)
    edit_loss(embedding, decoder, random_numbers(), is_cropped=True).backward()
    untaught = [name for name, each in models.named_parameters() if each.grad is None]
    assert not untaught


def test_saved_models_are_loaded_again(tmp_path: Path):
    save_open_edit(*untrained(), tmp_path, seed=1)
    entry_files = {path.stem.removeprefix("open-edit-"): path for path in tmp_path.iterdir()}
    painter = load_painter("demo-open-edit", entry_files, torch.device("cpu"), torch.float32)
    assert painter.side == DECODER.side
    assert sum(path.stat().st_size for path in entry_files.values()) < 3e6


def disc(color: str, ground: str) -> Image.Image:
    """Return a disc on a plain background, 64 pixels wide."""
    rgb = palette()
    y, x = torch.meshgrid(torch.arange(64) - 31.5, torch.arange(64) - 31.5, indexing="ij")
    inside = (torch.hypot(x, y) < 18)[..., None]
    picture = torch.where(inside, rgb[COLORS.index(color)], rgb[COLORS.index(ground)])
    return Image.fromarray((picture * 255).round().to(torch.uint8).numpy())


def png(picture: Image.Image) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def painter() -> OpenEdit:
    files = PAINTERS["demo-open-edit"].files
    return load_painter("demo-open-edit", files, torch.device("cpu"), torch.float32)


def colors_after(painter: OpenEdit, old: str, new: str, steps: int = 0) -> tuple[str, str]:
    """Return the colors nearest to the disc and the background of a blue disc on white."""
    run = painter.begin(
        OpenEditRecipe(
            models="demo-open-edit",
            seed=1,
            side=painter.side,
            old=old,
            new=new,
            optimization_steps=steps,
            edit=Edit(png(disc("blue", "white"))),
        )
    )
    while not run.done:
        run.step()
    image = run.image()[0]
    middle = image[:, 84:108, 84:108].mean((1, 2))
    corner = image[:, 6:24, 6:24].mean((1, 2))
    named = [COLORS[int((palette() - each).norm(dim=1).argmin())] for each in (middle, corner)]
    return named[0], named[1]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("blue circle", "red circle", ("red", "white")),
        ("a blue shape", "a yellow shape", ("yellow", "white")),
        ("white background", "green background", ("blue", "green")),
        ("orange circle", "red circle", ("blue", "white")),
    ],
)
def test_the_demo_changes_what_the_phrase_names_and_nothing_else(
    painter: OpenEdit, old: str, new: str, expected: tuple[str, str]
):
    assert colors_after(painter, old, new) == expected


def test_fitting_the_decoder_keeps_the_edit(painter: OpenEdit):
    assert colors_after(painter, "blue circle", "red circle", steps=3) == ("red", "white")


def test_the_decoder_shows_the_picture_that_it_is_given(painter: OpenEdit):
    picture = to_tensor(disc("blue", "white").resize((painter.side, painter.side)))
    models = painter.models
    with torch.no_grad():
        maps = {k: torch.zeros(shape) for k, shape in models.decoder.map_shapes().items()}
        cells = models.embedding.encode_image(picture)
        decoded = models.decoder(cells, models.edges(picture), maps)
    assert (decoded - picture).abs().mean() < 0.08
