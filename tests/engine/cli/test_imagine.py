import json
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import av
import pytest
import torch

from engine import make_recipe, presets, read_provenance, save_painting
from engine.cli import main
from engine.cli.arguments import parse
from engine.cli.request import read_request
from engine.images.image_io import read_picture
from engine.painting import svg_in
from engine.recipes.kinds import vqgan_clip_recipe
from engine.recipes.story import Chapter, Story
from engine.settings import EngineSettings
from engine.vqgan_clip import compile
from tests.engine.cli.cli_helpers import COMMAND, QUICK, picture, small


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_picture_is_painted_and_its_path_printed(folder: Path, capsys: pytest.CaptureFixture):
    assert main(["imagine", "a red circle", "--out", "a.png", *QUICK]) == 0
    said = capsys.readouterr()
    assert said.out == "a.png\n"
    assert "note: the demo models know only colored shapes" in said.err
    assert "painting 32x24 pixels in 3 steps with seed 5" in said.err
    assert "step/s" not in said.err  # the bar is for terminals
    recipe = read_provenance(folder / "a.png").recipe
    assert recipe == make_recipe("a red circle", seed=5, size=(32, 24), steps=3)
    assert read_picture(folder / "a.png").size == (256, 192)


@pytest.mark.slow
def test_a_run_of_its_own_again_from_its_picture_gives_the_same_bytes(folder: Path):
    picture(size=(48, 48)).save(folder / "from.png")
    prompt = "a red circle | 日本語 🎨:-0.5"
    assert main(["imagine", prompt, "--out", "a.png", "--init-image", "from.png", *QUICK]) == 0
    again = ["imagine", "--recipe", "a.png", "--out", "b.png"]
    subprocess.run([*COMMAND, *again], check=True, capture_output=True)
    assert (folder / "a.png").read_bytes() == (folder / "b.png").read_bytes()


def test_a_drawing_is_also_written_as_svg(folder: Path, capsys: pytest.CaptureFixture):
    options = ["--models", "demo-strokes", "--out", "a.png", "--svg", "a.svg", *QUICK]
    assert main(["imagine", "a red circle", *options]) == 0
    assert capsys.readouterr().out == "a.svg\na.png\n"
    svg = (folder / "a.svg").read_text(encoding="utf-8")
    assert svg.startswith('<svg xmlns="http://www.w3.org/2000/svg" width="256" height="192"')
    assert svg == svg_in((folder / "a.png").read_bytes())
    assert main(["imagine", "--recipe", "a.png", "--out", "b.png", "--svg", "b.svg"]) == 0
    assert (folder / "b.svg").read_text(encoding="utf-8") == svg


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--svg", "a.svg"), "'demo' paint pixels: choose others such as demo-strokes"),
        (("--svg", "a.svg", "--models", "demo-mindalle"), "leave out --svg"),
        (("--svg", "a.png", "--models", "demo-strokes"), "must end in .svg"),
    ],
)
def test_an_svg_that_cannot_be_written_is_refused_at_once(
    folder: Path, capsys: pytest.CaptureFixture, options: tuple[str, ...], said: str
):
    assert main(["imagine", "a red circle", "--out", "b.png", *options]) == 2
    assert said in capsys.readouterr().err
    assert files(folder) == {}


def test_the_printed_recipe_paints_the_same_picture(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    fewer_cutouts = {**presets.PRESETS["paper"], "cutouts": 4}  # of 64, memory grows by 200 MB
    monkeypatch.setattr(presets, "PRESETS", {**presets.PRESETS, "paper": fewer_cutouts})
    picture().save(folder / "from.png")
    options = ["--init-image", "from.png", "--preset", "paper", "--out", "a.png", *QUICK]
    assert main(["imagine", "a 🎨 in blue:2", *options]) == 0
    capsys.readouterr()
    assert main(["recipe", "a.png"]) == 0
    said = capsys.readouterr()
    assert said.err == "note: the picture was painted in float32\n"
    assert json.loads(said.out)["prompts"] == [{"text": "a 🎨 in blue", "weight": 2, "stop": None}]
    (folder / "recipe.json").write_text(said.out, encoding="utf-8")
    assert main(["imagine", "--recipe", "recipe.json", "--out", "b.png"]) == 0
    assert (folder / "a.png").read_bytes() == (folder / "b.png").read_bytes()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_recipe_that_another_program_saved_is_read(folder: Path, encoding: str):
    (folder / "recipe.json").write_bytes(small(steps=1).to_json().encode(encoding))
    assert main(["imagine", "--recipe", "recipe.json", "--out", "a.png"]) == 0
    assert read_provenance(folder / "a.png").recipe == small(steps=1)


def test_a_story_is_painted_again_from_its_picture(folder: Path, capsys: pytest.CaptureFixture):
    story = "a red circle ^:2 a blue squre"
    options = ["--fade", "0.5", "--animation", "a.webp", *QUICK]
    assert main(["imagine", story, "--out", "a.png", *options]) == 0
    told = capsys.readouterr().err
    assert "chapter 2 is 'a blue squre' for 67% of the steps" in told
    assert "do not know 'squre', and paint something else: try" in told
    assert "a red circle ^:2 a blue square" in told
    recipe = vqgan_clip_recipe(read_provenance(folder / "a.png").recipe)
    assert recipe.story == Story((Chapter(1), Chapter(1, 2.0)), 0.5)
    assert (folder / "a.webp").exists()
    assert main(["imagine", "--recipe", "a.png", "--out", "b.png"]) == 0
    assert (folder / "a.png").read_bytes() == (folder / "b.png").read_bytes()


def test_further_rounds_begin_as_the_run_without_them(folder: Path, capsys: pytest.CaptureFixture):
    assert main(["imagine", "a red circle", "--out", "a.png", *QUICK]) == 0
    options = ["--more", "2", "--more", "1", "--save-every", "3", "--out", "b.png", *QUICK]
    assert main(["imagine", "a red circle", *options]) == 0
    assert "in 6 steps with seed 5" in capsys.readouterr().err
    assert read_picture(folder / "b-frames/0003.png") == read_picture(folder / "a.png")
    assert read_picture(folder / "b-frames/0006.png") == read_picture(folder / "b.png")
    origin = read_provenance(folder / "b.png")
    assert (origin.recipe.rounds, origin.steps) == ((3, 2, 1), 6)
    assert main(["imagine", "--recipe", "b.png", "--out", "c.png"]) == 0
    assert (folder / "b.png").read_bytes() == (folder / "c.png").read_bytes()


def test_noise_changes_what_a_picture_becomes(folder: Path):
    picture(size=(48, 48)).save(folder / "from.png")
    start = ["a red circle", "--init-image", "from.png", *QUICK]
    for name, noise in (("a", "0"), ("b", "0.5")):
        assert main(["imagine", *start, "--start-noise", noise, "--out", f"{name}.png"]) == 0
    assert read_picture(folder / "a.png") != read_picture(folder / "b.png")
    recipe = vqgan_clip_recipe(read_provenance(folder / "b.png").recipe)
    assert recipe.start_noise == 0.5


def test_a_seed_that_nobody_chose_is_another_every_time_and_printed(
    folder: Path, capsys: pytest.CaptureFixture
):
    seeds = []
    for name in ("a.png", "b.png"):
        assert main(["imagine", "a red circle", "--out", name, "--size", "16", "--steps", "1"]) == 0
        seeds.append(read_provenance(folder / name).recipe.seed)
        assert f"with seed {seeds[-1]}" in capsys.readouterr().err
    assert seeds[0] != seeds[1]


def test_several_pictures_have_seeds_in_a_row_and_are_told_apart(
    folder: Path, capsys: pytest.CaptureFixture
):
    options = ["--count", "2", "--animation", "a.webp", "--save-every", "2", *QUICK]
    assert main(["imagine", "a red circle", "--out", "a.png", *options]) == 0
    said = capsys.readouterr()
    written = ["a-1-frames/0002.png", "a-1.webp", "a-1.png"]
    written += ["a-2-frames/0002.png", "a-2.webp", "a-2.png"]
    assert said.out.splitlines() == written
    assert sorted(map(str, files(Path()))) == sorted(written)
    assert [read_provenance(Path(f"a-{n}.png")).recipe.seed for n in (1, 2)] == [5, 6]
    assert "picture 2 of 2: painting" in said.err
    alone = ["--out", "b.png", "--size", "32x24", "--steps", "3", "--seed", "6"]
    assert main(["imagine", "a red circle", *alone]) == 0
    assert (folder / "b.png").read_bytes() == (folder / "a-2.png").read_bytes()


def test_frames_and_animation_do_not_change_the_picture(folder: Path):
    assert main(["imagine", "a red circle", "--out", "a.png", *QUICK]) == 0
    extras = ["--save-every", "1", "--animation", "b.mp4"]
    assert main(["imagine", "a red circle", "--out", "b.png", *extras, *QUICK]) == 0
    assert (folder / "a.png").read_bytes() == (folder / "b.png").read_bytes()
    frames = folder / "b-frames"
    assert sorted(path.name for path in frames.iterdir()) == ["0001.png", "0002.png", "0003.png"]
    assert (frames / "0003.png").read_bytes() == (folder / "a.png").read_bytes()


def test_a_frame_can_be_painted_again(folder: Path):
    options = ["--save-every", "2", "--out", "a.png", *QUICK]
    assert main(["imagine", "a red circle", *options]) == 0
    assert main(["imagine", "--recipe", "a-frames/0002.png", "--out", "b.png"]) == 0
    assert (folder / "b.png").read_bytes() == (folder / "a-frames/0002.png").read_bytes()


def test_a_stopped_picture_is_finished_as_if_it_had_not_been_stopped(
    folder: Path, capsys: pytest.CaptureFixture
):
    options = ["--save-every", "2", "--out", "a.png", *QUICK]
    assert main(["imagine", "a red circle", *options]) == 0
    stopped = ["imagine", "--recipe", "a-frames/0002.png"]
    capsys.readouterr()
    assert main([*stopped, "--finish", "--out", "b.png"]) == 0
    assert "note: the run was stopped at step 2 of 3, and is painted again from its start" in (
        capsys.readouterr().err
    )
    assert (folder / "b.png").read_bytes() == (folder / "a.png").read_bytes()
    assert main([*stopped, "--finish", "--out", "a-frames/0002.png", "--force"]) == 0
    assert (folder / "a-frames/0002.png").read_bytes() == (folder / "a.png").read_bytes()


def test_a_painted_picture_gets_more_steps(folder: Path):
    options = ["--save-every", "2", "--out", "a.png", *QUICK]
    assert main(["imagine", "a red circle", *options]) == 0
    assert main(["imagine", "a red circle", "--more", "2", "--out", "long.png", *QUICK]) == 0
    for name in ("a.png", "a-frames/0002.png"):
        options = ["--more", "2", "--out", "b.png", "--force"]
        assert main(["imagine", "--recipe", name, *options]) == 0
        assert (folder / "b.png").read_bytes() == (folder / "long.png").read_bytes()


def test_an_animation_shows_every_step_of_a_short_run_and_its_start(folder: Path):
    options = ["--animation", "a.mp4", "--out", "a.png", *QUICK]
    assert main(["imagine", "a red circle", *options]) == 0
    with av.open(str(folder / "a.mp4")) as clip:
        frames = [frame.to_image() for frame in clip.decode(video=0)]
    assert len(frames) >= 4
    assert frames[-1].size == read_picture(folder / "a.png").size


def test_force_replaces_all_files_and_leaves_no_frames_of_the_run_before(folder: Path):
    extras = ["--out", "a.png", "--save-every", "1", "--animation", "a.webp"]
    assert main(["imagine", "a red circle", *extras, *QUICK]) == 0
    (folder / "a-frames" / "notes.txt").write_text("mine")
    before = files(folder)
    other = ["--size", "16", "--steps", "2", "--force"]
    assert main(["imagine", "a red circle", *extras, *other]) == 0
    after = files(folder)
    assert set(before) - set(after) == {folder / "a-frames" / "0003.png"}
    assert {path.name for path in after if after[path] == before[path]} == {"notes.txt"}


def test_a_size_off_the_grid_is_rounded_with_a_notice(folder: Path, capsys: pytest.CaptureFixture):
    options = ["--out", "a.png", "--size", "33x18", "--steps", "1"]
    assert main(["imagine", "a red circle", *options]) == 0
    assert (
        "note: 33x18 is off the latent grid of 4 pixels, painting 32x16 instead\n"
        in capsys.readouterr().err
    )
    recipe = read_provenance(folder / "a.png").recipe
    assert (recipe.width, recipe.height) == (32, 16)


def test_how_a_prompt_with_weights_is_read_is_said(folder: Path, capsys: pytest.CaptureFixture):
    prompt = "a red circle::2 at 12:30 --no fog --ar 2:1"
    assert main(["imagine", prompt, "--out", "a.png", "--steps", "1"]) == 0
    said = capsys.readouterr().err
    assert (
        "note: the prompt was read as 'a red circle' with the weight 2, 'at 12:30' with the weight "
        "1, 'fog' with the weight -0.5\n" in said
    )
    assert "note: the aspect ratio 2:1 is painted as 88x44\n" in said
    assert read_provenance(folder / "a.png").recipe.width == 88
    edited = ["edit", "a.png", "a (red:1.3) ring --ar 1:2", "--out", "b.png", "--steps", "1"]
    assert main(edited) == 0
    said = capsys.readouterr().err
    assert "note: '(red:1.3)' was read as text" in said
    assert "note: the aspect ratio 1:2 is left out: the size is fixed\n" in said


def test_a_prompt_that_is_too_long_is_cut_with_a_notice_that_says_where(
    capsys: pytest.CaptureFixture,
):
    prompt = "a red circle " + " ".join(f"w{number}" for number in range(100))
    options = ["--out", "a.png", "--size", "16", "--steps", "1"]
    assert main(["imagine", prompt, *options]) == 0
    (notice,) = (line for line in capsys.readouterr().err.splitlines() if "CLIP reads" in line)
    assert notice.startswith("note: CLIP reads only the beginning of 'a red circle w0 w1")
    last = notice.partition("everything after '…")[2].partition("' is ignored")[0]
    assert last
    assert last in prompt


def test_settings_are_defaults_that_options_replace(folder: Path):
    (folder / "config.toml").write_text('[engine]\nmodels = "none"\ndevice = "cuda:7"\n')
    arguments = parse(["imagine", "a", "--out", "a.png", "--models", "demo", "--device", "cpu"])
    request = read_request(arguments, EngineSettings(models="none", device="cuda:7"))
    assert (request.models.name, request.settings.device) == ("demo", "cpu")
    assert main(["imagine", "a", "--out", "a.png"]) == 2


@pytest.mark.parametrize(
    ("name", "save"),
    [
        ("grey.png", lambda path: picture(mode="L").save(path)),
        ("deep.png", lambda path: picture(mode="I;16").save(path)),
        ("palette.gif", lambda path: picture(mode="P").save(path)),
        ("alpha.png", lambda path: picture(mode="RGBA").save(path)),
        ("print.jpg", lambda path: picture(mode="CMYK").save(path)),
        ("two.webp", lambda path: picture().save(path, save_all=True, append_images=[picture()])),
    ],
)
def test_initial_images_of_every_kind_become_plain_ones_of_the_canvas(name: str, save):
    save(Path(name))
    arguments = parse(["imagine", "a", "--out", "a.png", "--init-image", name, "--size", "32x24"])
    recipe = read_request(arguments, EngineSettings()).tasks[0].recipe
    assert recipe.init_image is not None
    start = read_picture(recipe.init_image)
    assert (start.mode, start.size) == ("RGB", (32, 24))


def test_weights_that_changed_since_are_told(folder: Path, capsys: pytest.CaptureFixture):
    save_painting(picture(), folder / "a.png", small(steps=1), {"vqgan.safetensors": "0" * 64})
    assert main(["imagine", "--recipe", "a.png", "--out", "b.png"]) == 0
    assert "note: the weights have changed" in capsys.readouterr().err


def test_another_precision_than_the_first_one_is_told(folder: Path, capsys: pytest.CaptureFixture):
    save_painting(picture(), folder / "a.png", small(steps=1), {}, precision="bfloat16")
    assert main(["imagine", "--recipe", "a.png", "--out", "b.png"]) == 0
    said = capsys.readouterr().err
    assert "note: the picture was painted in bfloat16, and in float32 it will differ" in said
    assert read_provenance(folder / "b.png").precision == "float32"
    assert main(["imagine", "--recipe", "b.png", "--out", "c.png"]) == 0
    assert "will differ" not in capsys.readouterr().err


def test_words_that_the_models_do_not_know_are_named(capsys: pytest.CaptureFixture):
    assert main(["imagine", "a red cat, oil painting", "--steps", "1", "--out", "a.png"]) == 0
    said = capsys.readouterr().err
    assert "note: the models do not know 'cat', 'oil', and paint something else" in said
    assert "try 'a red circle on a blue background'" in said
    assert main(["imagine", "a red circle", "--steps", "1", "--out", "b.png"]) == 0
    assert "do not know" not in capsys.readouterr().err


def test_a_tile_is_painted_with_a_preview_of_its_copies(
    folder: Path, capsys: pytest.CaptureFixture
):
    options = ["--tile", "both", "--preview", "two.png", "--out", "a.png", *QUICK]
    assert main(["imagine", "a red circle", *options]) == 0
    assert capsys.readouterr().out == "two.png\na.png\n"
    recipe = read_provenance(folder / "a.png").recipe
    assert recipe == make_recipe("a red circle", seed=5, size=(32, 24), steps=3, tile="both")
    tile, copies = read_picture(folder / "a.png"), read_picture(folder / "two.png")
    assert copies.size == (2 * tile.width, 2 * tile.height)
    assert copies.crop((0, tile.height, tile.width, copies.height)) == tile
    again = ["imagine", "--recipe", "a.png", "--preview", "again.png", "--out", "b.png"]
    assert main(again) == 0
    assert (folder / "b.png").read_bytes() == (folder / "a.png").read_bytes()
    assert read_picture(folder / "again.png") == copies


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")
def test_models_are_compiled_as_the_settings_say(folder: Path, monkeypatch: pytest.MonkeyPatch):
    compiled: list[object] = []

    def compile_graph(graph: Any, _: Any) -> Callable[..., Any]:
        compiled.append(graph)
        return graph.forward

    patched = partial(compile.compile_models, backend=compile_graph)
    monkeypatch.setattr(compile, "compile_models", patched)
    # These models are loaded anew, so that the demo pair of other tests stays as it is.
    lines = "models = 'demo-palette'\ndeterministic = false\ncompile = true\n"
    (folder / "config.toml").write_text(f"[engine]\n{lines}")
    assert main(["imagine", "a red circle", "--out", "a.png", *QUICK]) == 0
    assert compiled
    torch.compiler.reset()
