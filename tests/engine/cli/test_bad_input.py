import json
import os
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest

from engine.cli import main
from engine.images.png import save_png
from tests.engine.cli.cli_helpers import picture, small
from tests.engine.images.raw_png import header, png_file


def standing() -> dict[Path, tuple[int, int]]:
    """All files and folders, and what changes when one is written."""
    found = {path: path.stat() for path in Path().rglob("*")}
    return {path: (state.st_ino, state.st_mtime_ns) for path, state in found.items()}


def refused(arguments: list[str], capsys: pytest.CaptureFixture, told: str) -> None:
    """Exit code 2, one clear line that tells `told`, and no file or folder made or changed."""
    before = standing()
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1
    assert told in said.err
    assert standing() == before


OUT = ["--out", "a.png"]
WHOLE = "must be a whole number from"


@pytest.mark.usefixtures("pantry")
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        # the prompt
        ([*OUT], "a PROMPT is needed"),
        (["", *OUT], "the prompt is empty"),
        ([" \t\n", *OUT], "the prompt is empty"),
        ([" :2", *OUT], "the prompt is empty"),
        (["a|", *OUT], "the prompt is empty"),
        (["a:nan", *OUT], "the weight 'nan' of 'a' must be a finite number"),
        (["a:inf", *OUT], "the weight 'inf' of 'a' must be a finite number"),
        (["a:0|b:0", *OUT], "all weights are zero"),
        (["a:1:2:3", *OUT], "too many colons"),
        (["a" * 5000, *OUT], "at most 4000"),
        (["a\ud800", *OUT], "not Unicode"),
        # tiles
        (["a", *OUT, "--tile", "z"], "--tile must be none, x, y, both, not 'z'"),
        (["a", *OUT, "--preview", "b.png"], "copies of a tile side by side: add --tile both"),
        (["a", *OUT, "--tile", "x", "--preview", "b.jpg"], "name must end in .png"),
        (["a", *OUT, "--tile", "x", "--preview", "a.png"], "--preview and --out name the same"),
        # stories
        (["a ^ ^ b", *OUT], "chapter 2 of the story is empty"),
        (["a ^:0 b", *OUT], "the share '0' of a chapter must be a number from 0.001 to 1000"),
        (["a ^:two b", *OUT], "the share 'two' of a chapter must be a number"),
        ([" ^ ".join("abcdefghijklmnopq"), *OUT], "17 prompts together; at most 16"),
        (["a ^ b ^ c", *OUT, "--steps", "2"], "would get none of the 2 steps"),
        (["a", *OUT, "--fade", "0.5"], "only the chapters of a story fade"),
        (["a ^ b", *OUT, "--fade", "1.1"], "--fade must be a number from 0 to 1, not '1.1'"),
        (["a ^ b", *OUT, "--models", "demo-glide"], "GLIDE cannot paint a story"),
        (["a", *OUT, "--models", "demo-glide", "--fade", "0"], "GLIDE has no --fade"),
        # numbers
        (["a", *OUT, "--steps", "0"], f"--steps {WHOLE} 1 to 100000, not '0'"),
        (["a", *OUT, "--steps", "100001"], f"--steps {WHOLE} 1 to 100000, not '100001'"),
        (["a", *OUT, "--steps", "ten"], f"--steps {WHOLE} 1 to 100000, not 'ten'"),
        (["a", *OUT, "--steps", "1.5"], f"--steps {WHOLE} 1 to 100000, not '1.5'"),
        (["a", *OUT, "--steps", ""], f"--steps {WHOLE} 1 to 100000, not ''"),
        (["a", *OUT, "--steps", "9" * 6000], f"--steps {WHOLE} 1 to 100000, not '999"),
        (["a", *OUT, "--more", "0"], f"--more {WHOLE} 1 to 100000, not '0'"),
        (["a", *OUT, "--more", "5", "--more", "x"], f"--more {WHOLE} 1 to 100000, not 'x'"),
        (["a", *OUT, "--steps", "9", "--more", "99992"], "together have 100001 steps"),
        (["a", *OUT, *["--more", "1"] * 101], "at most 100 numbers"),
        (["a", *OUT, "--seed", "-1"], f"--seed {WHOLE} 0 to {2**63 - 1}, not '-1'"),
        (["a", *OUT, "--seed", str(2**63)], f"--seed {WHOLE} 0 to {2**63 - 1}"),
        (["a", *OUT, "--seed", str(2**63 - 1), "--count", "2"], f"at most {2**63 - 2}"),
        (["a", *OUT, "--count", "0"], f"--count {WHOLE} 1 to 1000, not '0'"),
        (["a", *OUT, "--count", "many"], f"--count {WHOLE} 1 to 1000, not 'many'"),
        (["a", *OUT, "--save-every", "0"], f"--save-every {WHOLE} 1 to 100000, not '0'"),
        # sizes
        (["a", *OUT, "--size", "big"], "--size must be WxH or one number, such as 96x64"),
        (["a", *OUT, "--size", "64x"], "--size must be WxH or one number, such as 96x64"),
        (["a", *OUT, "--size", "64x64x3"], "--size must be WxH or one number, such as 96x64"),
        (["a", *OUT, "--size=-64x64"], "--size must be WxH or one number, such as 96x64"),
        (["a", *OUT, "--size", "0"], "--size must be from 16 to 4096 pixels"),
        (["a", *OUT, "--size", "15x64"], "--size must be from 16 to 4096 pixels"),
        (["a", *OUT, "--size", "64x4097"], "--size must be from 16 to 4096 pixels"),
        (["a", *OUT, "--size", "4096"], "of memory, and"),
        # names
        (["a", *OUT, "--models", "vast"], "no models called 'vast'; there are: demo"),
        (
            ["a", *OUT, "--preset", "best"],
            "no preset called 'best'; there are: paper, demo, scenes",
        ),
        (["a", *OUT, "--device", "tpu"], "--device must be auto, cpu, mps, cuda or cuda:N"),
        (["a", *OUT, "--device", "cuda:99"], "the device 'cuda:99' is not available here"),
        # outputs
        (["a"], "required: -o/--out"),
        (["a", "--out", "a.jpg"], "'a.jpg': the file's name must end in .png"),
        (["a", "--out", "a"], "'a': the file's name must end in .png"),
        (["a", "--out", ""], "name a file that ends in .png"),
        (["a", "--out", "there"], "'there': it is a folder"),
        (["a", "--out", "no/a.png"], "the folder 'no' does not exist"),
        (["a", "--out", "old.png/a.png"], "'old.png' is not a folder"),
        (["a", "--out", "old.png"], "'old.png': it exists already"),
        (["a", "--out", "n" * 300 + ".png"], "too long"),
        (["a", "--out", "two\nlines.jpg"], r"'two\nlines.jpg'"),
        (["a", *OUT, "--animation", "a.gif"], "must end in .webp or .mp4"),
        (["a", *OUT, "--animation", "no/a.mp4"], "the folder 'no' does not exist"),
        (["a", *OUT, "--animation", "old.webp"], "'old.webp': it exists already"),
        (["a", "--out", "old.png", "--force", "--animation", "old.webp", "--steps", "0"], "steps"),
        (["a", "--out", "kept.png", "--save-every", "2"], "'kept-frames': it exists already"),
        (["a", "--out", "full.png", "--save-every", "2"], "it is not a folder"),
        (["a", "--out", "full.png", "--save-every", "2", "--force"], "it is not a folder"),
        (["a", "--out", "n" * 250 + ".png", "--save-every", "2"], "too long"),
        (["a", "--out", "many.png", "--count", "3"], "'many-2.png': it exists already"),
        # initial images
        (["a", *OUT, "--init-image", "no.png"], "'no.png': there is no such file"),
        (["a", *OUT, "--init-image", "there"], "'there': it is a folder"),
        (["a", *OUT, "--init-image", "empty"], "'empty': the file is empty"),
        (["a", *OUT, "--init-image", "cut.png"], "'cut.png': the file is cut off"),
        (["a", *OUT, "--init-image", "cut.jpg"], "'cut.jpg': the file is damaged or cut off"),
        (["a", *OUT, "--init-image", "random"], "'random': it is not a picture; PNG, JPEG, WebP"),
        (["a", *OUT, "--init-image", "bomb.png"], "at most 16.8 megapixels"),
        (["a", *OUT, "--start-noise", "0.1"], "add --init-image FILE"),
        (["a", *OUT, "--start-noise", "11"], "--start-noise must be a number from 0 to 10"),
        (["a", *OUT, "--start-noise", "-1"], "--start-noise"),
        (["a", *OUT, "--start-noise=-1"], "--start-noise must be a number from 0 to 10"),
        (["a", *OUT, "--start-noise", "nan"], "--start-noise must be a number from 0 to 10"),
        (["a", *OUT, "--start-noise", ""], "--start-noise must be a number from 0 to 10"),
        # pictures to resemble, and shapes
        ([*OUT], "a PROMPT is needed, or --like FILE"),
        ([*OUT, "--negative", "fog"], "a PROMPT is needed, or --like FILE"),
        (["a", *OUT, "--like", "no.png:2"], "'no.png': there is no such file"),
        (["a", *OUT, "--like", "no.png:2000"], "must be from -1000 to 1000, not 2000"),
        (["a", *OUT, "--like", "no.png:two"], "'no.png:two': there is no such file"),
        (["a", *OUT, "--ratio", "0:0"], "must be width:height, such as 16:9 or 1.5, not '0:0'"),
        (["a", *OUT, "--ratio", "wide"], "must be width:height"),
        (["a", *OUT, "--ratio", "1:1000"], "1:1000 is too extreme: choose one from 1:4 to 4:1"),
        (["a --ar 9:1", *OUT], "the ratio 9:1 is too extreme"),
        (["a", *OUT, "--ratio", "3:2", "--size", "64"], "--size and --ratio both choose the shape"),
        # recipes
        (["--recipe", "no.png", *OUT], "'no.png': there is no such file"),
        (["--recipe", "there", *OUT], "'there': it is a folder"),
        (["--recipe", "empty", *OUT], "'empty': the file is empty"),
        (["--recipe", "random", *OUT], "'random': it contains no recipe"),
        (["--recipe", "cut.jpg", *OUT], "'cut.jpg': it contains no recipe"),
        (["--recipe", "old.png", *OUT], "'old.png': it contains no recipe"),
        (["--recipe", "cut.png", *OUT], "'cut.png': the file is cut off"),
        (["--recipe", "huge.json", *OUT], "at most 16 MiB are allowed"),
        (["--recipe", "huge.png", *OUT], "at most 64 MiB are allowed"),
        (["--recipe", "prose.json", *OUT], "'prose.json': the recipe is not valid JSON"),
        (["--recipe", "list.json", *OUT], "'list.json': the recipe must be a JSON object"),
        (["--recipe", "newer.json", *OUT], "version 7, newer than 6"),
        (["--recipe", "newer.png", *OUT], "version 7, newer than 6"),
        (["--recipe", "more.json", *OUT], "unknown keys: 'mood'"),
        (["--recipe", "fewer.json", *OUT], "lacks the keys 'seed'"),
        (["--recipe", "steps.json", *OUT], f"steps {WHOLE} 1 to 100000, not -1"),
        (["--recipe", "grid.json", *OUT], "33x24 is off the latent grid: width and height must be"),
        (["--recipe", "models.json", *OUT], "no models called 'vast'; there are: demo"),
        (["--recipe", "start.json", *OUT], "the recipe's initial image"),
        (["--recipe", "far.png", *OUT], "must be a whole number from 0 to 3"),
        (["--recipe", "good.json", "--out", "old.png"], "'old.png': it exists already"),
        (["a", "--recipe", "good.json", *OUT], "leave out PROMPT or --recipe"),
        (["--recipe", "good.json", *OUT, "--steps", "3"], "--steps would change the recipe"),
        (["--recipe", "good.json", *OUT, "--more", "99998"], "so 99997 are left, not 99998"),
        (["a", *OUT, "--finish"], "--finish needs a picture that was stopped: add --recipe FILE"),
        (["--recipe", "good.json", *OUT, "--start-noise", "1"], "--start-noise would change"),
        (["--recipe", "good.json", *OUT, "--seed", "0"], "--seed would change the recipe"),
        (["--recipe", "good.json", *OUT, "--ratio", "1:1"], "--ratio would change the recipe"),
        (["--recipe", "good.json", *OUT, "--negative", "a"], "--negative would change the recipe"),
        (["--recipe", "good.json", *OUT, "--size", "64"], "--size would change the recipe"),
        (["--recipe", "good.json", *OUT, "--count", "1"], "--count would change the recipe"),
        (["--recipe", "good.json", *OUT, "--preset", "demo"], "--preset would change"),
        (["--recipe", "good.json", *OUT, "--models", "demo"], "--models would change"),
        (["--recipe", "good.json", *OUT, "--init-image", "old.png"], "--init-image would change"),
        # settings
        (["a", *OUT, "--config", "no.toml"], "'no.toml': there is no such file"),
        (["a", *OUT, "--config", "wrong.toml"], "no key 'colour'; there are: models, more_models"),
        # the command line itself
        (["a", "red", "circle", *OUT], "unrecognized arguments: red circle"),
        (["a", *OUT, "--stepz", "3"], "unrecognized arguments: --stepz"),
        (["a", *OUT, "--step", "3"], "unrecognized arguments: --step"),
        (["a", *OUT, "--steps"], "argument --steps: expected one argument"),
    ],
)
def test_bad_input(arguments: list[str], told: str, capsys: pytest.CaptureFixture):
    refused(["imagine", *arguments], capsys, told)


@pytest.mark.usefixtures("pantry")
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "required: COMMAND"),
        (
            ["dream"],
            "invalid choice: 'dream' (choose from 'imagine', 'animate', 'edit', 'restyle', "
            "'upscale', 'compare', 'mask', 'describe', 'recipe', 'models', 'weights')",
        ),
        (["models", "demo"], "unrecognized arguments: demo"),
        (["weights"], "required: ACTION"),
        (
            ["weights", "make"],
            "invalid choice: 'make' (choose from 'list', 'get', 'verify', 'check', 're",
        ),
        (["weights", "get"], "required: NAME"),
        (["weights", "get", "vast"], "no weights called 'vast'; there are: imagenet-16384"),
        (["weights", "get", "ViT-B/32"], "; is it clip-vit-b-32"),
        (
            ["imagine", "a", "--out", "a.png", "--models", "Imagenet_16384"],
            "; is it imagenet-16384",
        ),
        (["weights", "verify", "../x"], "no weights called '../x'"),
        (
            ["weights", "verify", "clip-vit-b-32"],
            "'weights/clip-vit-b-32.pt' is not there: download it",
        ),
        (["weights", "remove", "vast"], "no weights called 'vast'"),
        (["weights", "list", "--config", "no.toml"], "'no.toml': there is no such file"),
        (["weights", "list", "--config", "odd.toml"], "weights: there is no key 'ofline'"),
        (["recipe"], "required: FILE"),
        (["recipe", "old.png"], "'old.png': it contains no recipe"),
        (["recipe", "no.png"], "'no.png': there is no such file"),
        (["recipe", "random"], "'random': it contains no recipe"),
        (["recipe", "newer.png"], "version 7, newer than 6"),
    ],
)
def test_bad_input_of_the_other_commands(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture
):
    refused(arguments, capsys, told)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_folder_that_cannot_be_written_is_refused_beforehand(
    folder: Path, capsys: pytest.CaptureFixture
):
    (folder / "locked").mkdir(mode=0o500)
    refused(["imagine", "a", "--out", "locked/a.png"], capsys, "does not allow writing")


@pytest.fixture
def pantry(folder: Path) -> None:
    """Files of all kinds to stumble over."""
    (folder / "there").mkdir()
    (folder / "kept-frames").mkdir()
    (folder / "full-frames").write_text("a file")
    (folder / "empty").touch()
    (folder / "random").write_bytes(b"\xff" + Random(1).randbytes(3000))
    for name in ("old.png", "many-2.png", "old.webp", "cut.jpg"):
        picture().save(folder / name)
    for name in ("old.png", "cut.jpg"):
        content = (folder / name).read_bytes()
        (folder / f"cut{Path(name).suffix}").write_bytes(content[: len(content) // 2])
    (folder / "bomb.png").write_bytes(png_file(header(50_000, 50_000), [b"\0" * 100]))
    (folder / "odd.toml").write_text("[weights]\nofline = true\n")
    (folder / "wrong.toml").write_text("[engine]\ncolour = 1\n")
    _write_recipes(folder)


def _write_recipes(folder: Path) -> None:
    (folder / "prose.json").write_text("a red circle")
    (folder / "list.json").write_text("[]")
    for name, size in (("huge.json", 2**24 + 1), ("huge.png", 2**26 + 1)):
        with (folder / name).open("wb") as file:
            file.truncate(size)
    good = json.loads(small().to_json())
    changes: dict[str, dict[str, Any]] = {
        "good": {},
        "newer": {"version": 7},
        "more": {"mood": "calm"},
        "steps": {"steps": -1},
        "grid": {"width": 33},
        "models": {"models": "vast"},
        "start": {"start": "image", "init_image": "AAAA"},
    }
    for name, change in changes.items():
        (folder / f"{name}.json").write_text(json.dumps(good | change))
    fewer = {key: value for key, value in good.items() if key != "seed"}
    (folder / "fewer.json").write_text(json.dumps(fewer))
    newer = {"vqgan-clip-recipe": json.dumps(good | {"version": 7})}
    save_png(picture(), folder / "newer.png", text=newer)
    far = {"vqgan-clip-recipe": json.dumps(good), "vqgan-clip-stopped-at": "4"}
    save_png(picture(), folder / "far.png", text=far)


@pytest.mark.slow
def test_what_needs_no_torch_does_not_load_it():
    program = (
        "import sys, engine; assert 'torch' not in sys.modules\n"
        "from engine.cli import main\n"
        "assert main(['imagine', 'a red circle', '--out', 'no/a.png']) == 2\n"
        "assert main(['imagine', 'a', '--out', 'a.png', '--init-image', 'a.jpg']) == 2\n"
        "assert main(['models']) == 0\n"
        "assert main(['weights', 'list']) == 0\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
