"""`animate`: films from the command line."""

import errno
import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from engine import make_recipe
from engine.cli import main
from engine.films import read_any_provenance
from engine.recipes.film import Film
from engine.vqgan_clip.generation import Generation
from engine.vqgan_clip.painter import VqganClip
from tests.engine.cli.cli_helpers import picture

PROMPT = "a red circle"
QUICK = ["--size", "32x24", "--steps", "2", "--seed", "5", "--frames", "3", "--frame-steps", "1"]


def frames_in(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as film:
        assert film.streams.video[0].codec_context.pix_fmt == "yuv420p"
        return [each.to_ndarray(format="rgb24") for each in film.decode(video=0)]


def test_a_film_is_painted_and_holds_its_recipe(folder: Path, capsys: pytest.CaptureFixture):
    options = ["--camera", "pan", "--speed", "-2", "--between", "1", "--fps", "10"]
    assert main(["animate", PROMPT, "--out", "a.mp4", *QUICK, *options]) == 0
    said = capsys.readouterr()
    assert said.out == "a.mp4\n"
    assert "painting 32x24 pixels in 5 steps with seed 5" in said.err
    frames = frames_in(folder / "a.mp4")
    assert len(frames) == 5
    assert {each.shape for each in frames} == {(192, 256, 3)}
    film = Film(frames=3, camera="pan", speed=-2, between=1, steps=1, frames_per_second=10)
    usual = make_recipe(PROMPT, seed=5, size=(32, 24), steps=2)
    recipe = read_any_provenance(folder / "a.mp4").recipe
    assert recipe == type(usual).from_json(recipe.to_json())
    assert recipe.film == film
    assert main(["recipe", "a.mp4"]) == 0
    (folder / "recipe.json").write_text(capsys.readouterr().out, encoding="utf-8")
    assert main(["animate", "--recipe", "recipe.json", "--out", "b.mp4"]) == 0
    assert (folder / "a.mp4").read_bytes() == (folder / "b.mp4").read_bytes()


def test_a_film_says_which_weights_and_precision_painted_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    assert main(["animate", PROMPT, "--out", "a.mp4", *QUICK]) == 0
    origin = read_any_provenance(folder / "a.mp4")
    assert main(["imagine", PROMPT, "--out", "a.png", "--size", "32x24", "--steps", "2"]) == 0
    picture_origin = read_any_provenance(folder / "a.png")
    assert origin.digests == picture_origin.digests != {}
    assert origin.precision == picture_origin.precision == "float32"
    capsys.readouterr()
    assert main(["animate", "--recipe", "a.mp4", "--out", "b.mp4"]) == 0
    assert "differ" not in capsys.readouterr().err
    assert main(["recipe", "a.mp4"]) == 0
    assert "painted in float32" in capsys.readouterr().err
    again = ["animate", "--recipe", "a.mp4", "--force", "--out", "b.mp4"]
    monkeypatch.setattr(VqganClip, "precision", "bfloat16")
    assert main(again) == 0
    assert "was painted in float32, and in bfloat16 it will differ" in capsys.readouterr().err
    monkeypatch.setattr(VqganClip, "digests", {"vqgan.safetensors": "0" * 64})
    assert main(again) == 0
    assert "the weights have changed since then" in capsys.readouterr().err


def test_a_film_that_was_stopped_says_where(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    step = Generation.step

    def interrupted(self: Generation) -> None:
        step(self)
        if self.steps_done == 4:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(Generation, "step", interrupted)
    assert main(["animate", PROMPT, "--out", "a.mp4", *QUICK]) == 143
    assert read_any_provenance(folder / "a.mp4").steps == 4
    assert main(["recipe", "a.mp4"]) == 0
    assert "the film was stopped at step 4 of 5" in capsys.readouterr().err


def test_a_film_can_start_from_a_picture_and_be_a_webp(folder: Path):
    picture(size=(32, 24)).save(folder / "from.png")
    start = ["--init-image", "from.png", "--camera", "still", "--loop"]
    assert main(["animate", PROMPT, "--out", "a.webp", *QUICK, *start]) == 0
    with Image.open(folder / "a.webp") as film:
        assert film.n_frames == 3  # pyright: ignore[reportAttributeAccessIssue]
        assert film.size == (256, 192)


REFUSED = (
    ([PROMPT, "--camera", "fly"], "--camera"),
    ([PROMPT, "--speed", "99"], "--speed must be a number from -10 to 10"),
    ([PROMPT, "--fps", "50", "--between", "3"], "200 frames a second"),
    ([PROMPT, "--models", "demo-glide"], "paint single pictures, so they cannot animate"),
    ([PROMPT, "--out", "a.gif"], ".mp4 or .webp"),
    ([PROMPT, "--frames", "300", "--out", "a.webp"], "too long for a WebP"),
    (["--recipe", "picture.png"], "contains no recipe"),
    (["--recipe", "bad.mp4"], "the file is damaged"),
    (["--recipe", "picture.json"], "that of a picture, not of a film"),
    (["--recipe", "picture.json", "--frames", "4"], "--frames would change the recipe"),
    ([], "a PROMPT is needed"),
)


@pytest.mark.parametrize(("options", "reason"), REFUSED)
def test_what_is_no_film_is_refused_and_nothing_is_written(
    folder: Path, capsys: pytest.CaptureFixture, options: list[str], reason: str
):
    picture().save(folder / "picture.png")
    recipe = make_recipe(PROMPT, seed=1, size=(32, 24), steps=2)
    (folder / "picture.json").write_text(recipe.to_json())
    (folder / "bad.mp4").write_bytes(b"\0\0\0\x18ftypisom" + bytes(64))
    before = set(folder.iterdir())
    out = [] if "--out" in options else ["--out", "a.mp4"]
    assert main(["animate", *options, *out]) == 2
    assert reason in capsys.readouterr().err
    assert set(folder.iterdir()) == before


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let no file be larger than `size` bytes for a while, as if the disk were full there."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def temporary(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a temporary folder of its own."""
    path = folder / "temporary"
    path.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(path))
    return path


def frames_fit(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Let the disk be full after so many frames."""
    save, saved = Image.Image.save, list[object]()

    def saving(self: Image.Image, path: object, *args: object, **options: object) -> None:
        if len(saved) == count:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        saved.append(path)
        save(self, path, *args, **options)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(Image.Image, "save", saving)


@pytest.mark.parametrize("count", [0, 2])
def test_a_full_temporary_folder_keeps_the_film_so_far(
    folder: Path,
    temporary: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
    count: int,
):
    frames_fit(monkeypatch, count)
    assert main(["animate", PROMPT, "--out", "a.mp4", *QUICK]) == (1 if count else 2)
    said = capsys.readouterr().err
    assert "error: Cannot keep the frames of the film in" in said
    assert "No space left on device. Make space there, or name another folder in TMPDIR" in said
    assert ("the film so far is in 'a.mp4'" in said) == bool(count)
    assert (folder / "a.mp4").exists() == bool(count)
    if count:
        assert len(frames_in(folder / "a.mp4")) == count
    assert not list(temporary.iterdir())


def test_a_temporary_folder_that_is_missing_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    monkeypatch.setattr(tempfile, "tempdir", str(folder / "none"))
    assert main(["animate", PROMPT, "--out", "a.mp4", *QUICK]) == 2
    assert "Cannot keep the frames of the film in" in capsys.readouterr().err
    assert not list(folder.iterdir())


def test_frames_stay_when_the_film_can_be_written_nowhere(
    folder: Path, temporary: Path, capsys: pytest.CaptureFixture
):
    with largest_file(4000):
        assert main(["animate", PROMPT, "--out", "a.mp4", *QUICK]) == 2
    said = capsys.readouterr().err
    assert "Cannot write 'a.mp4': " in said
    assert "The 3 frames of the film are in" in said
    (kept,) = temporary.iterdir()
    assert str(kept) in said
    assert sorted(each.name for each in kept.iterdir()) == ["0.png", "1.png", "2.png"]
    assert not (folder / "a.mp4").exists()
