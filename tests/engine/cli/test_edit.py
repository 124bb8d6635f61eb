"""`edit` and `mask` on the command line, and pictures to resemble."""

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageDraw, ImageSequence

from engine import read_recipe
from engine.cli import main
from engine.recipes.kinds import vqgan_clip_recipe

RED, BLUE, GREEN = (215, 35, 40), (40, 80, 215), (40, 160, 60)
FORTY_BYTES = "5249464620000000574542505650384c140000002f3f9fcf17075081540820000a9a92c58888fe07"
"""A WebP file that claims 64 megapixels."""
FEW = ["--steps", "3", "--seed", "5"]


@pytest.fixture(autouse=True)
def files(folder: Path) -> None:
    """Write a picture of a red square on blue, and masks of it."""
    scene = Image.new("RGB", (96, 96), BLUE)
    ImageDraw.Draw(scene).rectangle((32, 32, 63, 63), fill=RED)
    scene.save(folder / "scene.png")
    mask = Image.new("L", (96, 96))
    mask.save(folder / "black.png")
    ImageDraw.Draw(mask).rectangle((30, 30, 65, 65), fill=255)
    mask.save(folder / "mask.png")
    mask.resize((96, 40)).save(folder / "flat.png")
    Image.new("RGB", (40, 40), GREEN).save(folder / "green.png")
    ImageDraw.Draw(scene).rectangle((32, 32, 63, 63), fill="yellow")
    scene.save(folder / "painted.jpg", quality=95)
    scene.putalpha(128)
    scene.save(folder / "clear.png")
    with Image.open(folder / "scene.png") as picture:
        erased = picture.convert("RGBA")
    erased.paste((0, 0, 0, 0), (30, 30, 66, 66))
    erased.save(folder / "erased.png")
    (folder / "forty.webp").write_bytes(bytes.fromhex(FORTY_BYTES))
    (folder / "text.png").write_text("not a picture")


def test_a_picture_is_edited_at_its_own_size(capsys: pytest.CaptureFixture[str]):
    assert main(["edit", "scene.png", "a green square", "--out", "a.png", *FEW]) == 0
    assert capsys.readouterr().out == "a.png\n"
    with Image.open("a.png") as picture, Image.open("scene.png") as scene:
        assert picture.size == scene.size
        assert picture.tobytes() != scene.tobytes()


def test_an_edit_is_painted_again_from_its_recipe():
    assert main(["edit", "scene.png", "a star", "--mask", "mask.png", "--out", "a.png", *FEW]) == 0
    assert main(["imagine", "--recipe", "a.png", "--out", "b.png"]) == 0
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()


def test_outside_the_mask_nothing_changes():
    assert main(["edit", "scene.png", "a star", "--mask", "mask.png", "--out", "a.png", *FEW]) == 0
    picture, scene, mask = (
        np.asarray(Image.open(f"{name}.png")) for name in ("a", "scene", "mask")
    )
    assert (picture[mask == 0] == scene[mask == 0]).all()
    assert (picture != scene).any()


@pytest.mark.parametrize(
    ("picture", "options", "told"),
    [
        ("scene.png", ["--mask", "erased.png"], "in the mask, what is transparent changes"),
        ("scene.png", ["--mask", "painted.jpg"], "in the mask, what is painted over changes"),
        ("erased.png", [], "what is transparent in the picture will change"),
    ],
)
def test_a_copy_of_the_picture_shows_what_changes(
    picture: str, options: list[str], told: str, capsys: pytest.CaptureFixture[str]
):
    assert main(["edit", picture, "a star", *options, "--keep", "0", "--out", "a.png", *FEW]) == 0
    assert f"note: {told}" in capsys.readouterr().err
    after, before = (np.asarray(Image.open(name)) for name in ("a.png", "scene.png"))
    changed = (after != before).any(-1)
    assert changed[40:56, 40:56].any()
    changed[28:68, 28:68] = False
    assert not changed.any()


def test_a_picture_with_a_profile_keeps_its_look_outside_the_mask():
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = srgb.replace(b"rXYZ", b"????").replace(b"bXYZ", b"rXYZ").replace(b"????", b"bXYZ")
    Image.open("scene.png").save("swapped.png", icc_profile=swapped)
    options = ["--mask", "mask.png", "--out", "a.png", *FEW]
    assert main(["edit", "swapped.png", "a star", *options]) == 0
    corner = np.asarray(Image.open("a.png"))[3, 3].tolist()
    assert corner == pytest.approx(BLUE[::-1], abs=3)


def test_what_is_odd_about_a_picture_is_told(capsys: pytest.CaptureFixture[str]):
    Path("cut.jpg").write_bytes(Path("painted.jpg").read_bytes()[:-5])
    assert main(["edit", "cut.jpg", "a star", "--out", "a.png", *FEW]) == 0
    assert "note: the picture was cut off at its end" in capsys.readouterr().err
    assert main(["edit", "clear.png", "a star", "--out", "b.png", *FEW]) == 0
    assert "note: the picture was transparent in places" in capsys.readouterr().err
    options = ["--init-image", "clear.png", "--like", "erased.png", "--out", "c.png", *FEW]
    assert main(["imagine", "a star", *options]) == 0
    told = capsys.readouterr().err
    assert "note: the picture to start from was transparent in places" in told
    assert "note: a picture to resemble was transparent in places" in told


def test_odd_tags_in_a_picture_are_not_talked_about(capsys: pytest.CaptureFixture[str]):
    tags = [(256, 3, 1, 32), (257, 3, 1, 32), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
    tags += [(273, 4, 1, 8), (277, 3, 1, 1), (278, 3, 2, 32), (279, 4, 1, 1024)]
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    directory = struct.pack("<H", len(tags)) + entries + bytes(4)
    odd = b"II*\0" + struct.pack("<I", 8 + 1024) + bytes(range(256)) * 4 + directory
    Path("odd.tif").write_bytes(odd)
    assert main(["edit", "odd.tif", "a star", "--out", "a.png", *FEW]) == 0
    assert "Warning" not in capsys.readouterr().err


def test_an_edit_takes_more_rounds_and_noise():
    options = ["--more", "2", "--start-noise", ".5", *FEW]
    assert main(["edit", "scene.png", "a star", "--out", "a.png", *options]) == 0
    recipe = vqgan_clip_recipe(read_recipe(Path("a.png")))
    assert (recipe.rounds, recipe.start_noise) == ((3, 2), 0.5)


def test_the_animation_of_an_edit_shows_the_picture_at_its_own_size():
    for name in ("scene", "mask"):
        Image.open(f"{name}.png").resize((150, 90)).save(f"wide-{name}.png")
    options = ["--mask", "wide-mask.png", "--animation", "a.webp", "--out", "a.png", *FEW]
    assert main(["edit", "wide-scene.png", "a star", *options]) == 0
    with Image.open("a.webp") as clip, Image.open("a.png") as picture:
        *_, last = ImageSequence.Iterator(clip)
        assert last.size == picture.size == (150, 90)
        difference = np.asarray(last.convert("RGB")).astype(int) - np.asarray(picture)
    assert np.abs(difference).mean() < 8


@pytest.mark.parametrize(("options", "kept"), [([], 0.9), (["--keep", "0.25"], 0.25)])
def test_how_much_is_kept_can_be_said(options: list[str], kept: float):
    assert main(["edit", "scene.png", "a star", "--out", "a.png", *FEW, *options]) == 0
    edit = read_recipe(Path("a.png")).edit
    assert edit is not None
    assert edit.keep_structure == kept


def test_a_mask_is_found_by_its_name():
    assert main(["mask", "scene.png", "the red square", "--out", "a.png", "--grow", "0"]) == 0
    found, truth = np.asarray(Image.open("a.png").convert("L")) > 127, np.zeros((96, 96), bool)
    truth[32:64, 32:64] = True
    assert (found & truth).sum() / (found | truth).sum() > 0.8


def test_pictures_to_resemble_are_in_the_recipe_with_their_weights():
    options = ["--like", "green.png", "--like", "scene.png:-0.5", "--size", "32", *FEW]
    assert main(["imagine", "a square", "--out", "a.png", *options]) == 0
    assert [each.weight for each in read_recipe(Path("a.png")).image_prompts] == [1, -0.5]


def test_a_picture_can_be_painted_without_words():
    options = ["--like", "green.png", "--like", "scene.png:2", "--size", "32", *FEW]
    assert main(["imagine", "--out", "a.png", *options]) == 0
    recipe = read_recipe(Path("a.png"))
    assert recipe.prompts == ()
    assert b"like 2 pictures" in Path("a.png").read_bytes()
    assert main(["imagine", "--recipe", "a.png", "--out", "b.png"]) == 0
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()


def test_a_ratio_and_what_to_push_away_are_options_too():
    options = ["--ratio", "16:9", "--negative", "fog, sea", *FEW]
    assert main(["imagine", "a square", "--out", "a.png", *options]) == 0
    recipe = read_recipe(Path("a.png"))
    assert (recipe.width, recipe.height) == (84, 48)
    assert [(each.text, each.weight) for each in recipe.prompts[1:]] == [
        ("fog", -0.5),
        ("sea", -0.5),
    ]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["edit", "scene.png", "a star", "--mask", "black.png"], "black everywhere"),
        (["edit", "scene.png", "a star", "--mask", "flat.png"], "proportions"),
        (["edit", "scene.png", "a star", "--mask", "none.png"], "no such file"),
        (["edit", "scene.png", "a star", "--mask", "green.png"], "paint white what to change"),
        (["edit", "scene.png", "a star", "--mask", "scene.png"], "is the picture itself"),
        (["edit", "text.png", "a star"], "not a picture"),
        (["edit", "forty.webp", "a star"], "8000 x 7999 pixels, at most 16.8 megapixels"),
        (["edit", "scene.png", "a star", "--mask", "forty.webp"], "at most 16.8 megapixels"),
        (["imagine", "a star", "--like", "forty.webp"], "at most 16.8 megapixels"),
        (["edit", "none.png", "a star"], "no such file"),
        (["edit", "scene.png", " "], "prompt is empty"),
        (["edit", "scene.png", "a star", "--keep", "2"], "--keep must be a number from 0 to 1"),
        (["edit", "scene.png", "a star", "--keep", "."], "--keep must be a number from 0 to 1"),
        (["edit", "scene.png"], "PROMPT"),
        (["mask", "scene.png", " "], "empty"),
        (["mask", "scene.png", "a star", "--models", "none"], "demo"),
        (["mask", "scene.png", "a green star"], "nothing in the picture looks like"),
        (["imagine", "a star", "--like", "text.png"], "not a picture"),
    ],
)
def test_bad_input_is_one_line_and_leaves_no_file(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
):
    assert main([*arguments, "--out", "a.png"]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ")
    assert told in error
    assert not Path("a.png").exists()


def test_existing_files_are_kept(folder: Path):
    before = (folder / "green.png").read_bytes()
    for command in (["edit", "scene.png", "a star"], ["mask", "scene.png", "the red square"]):
        assert main([*command, "--out", "green.png"]) == 2
    assert (folder / "green.png").read_bytes() == before
