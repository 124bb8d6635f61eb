"""`restyle`: clips in another style from the command line."""

import os
import signal
from pathlib import Path

import av
import pytest
from PIL import Image

from engine.cli import main
from engine.films import film_of, read_any_provenance
from engine.vqgan_clip.generation import Generation
from tests.engine.cli.cli_helpers import picture
from tests.engine.images.videos import BLUE, RED, halves, plain, video

PROMPT = "a green circle"
QUICK = ["--steps", "2", "--seed", "5", "--frame-steps", "1", "--fps", "4"]


@pytest.fixture
def clip(folder: Path) -> Path:
    """Write a video of half a second with sound, in which one color comes in from the left."""
    frames = [plain(BLUE)]
    for width in (16, 32, 48, 64, 80):
        frame = halves(RED, BLUE)
        frame[:, :width], frame[:, width:] = RED, BLUE
        frames.append(frame)
    path = folder / "clip.mp4"
    path.write_bytes(video(frames, rate=12, sound=0.5))
    return path


def test_a_clip_is_painted_with_its_sound_and_its_recipe_paints_it_again(
    folder: Path, clip: Path, capsys: pytest.CaptureFixture
):
    options = ["--keep", "0.5", "--strength", "0.7"]
    assert main(["restyle", str(clip), PROMPT, "--out", "a.mp4", *QUICK, *options]) == 0
    assert capsys.readouterr().out == "a.mp4\n"
    with av.open("a.mp4") as film:
        assert film.streams.video[0].average_rate == 12
        assert film.streams.audio[0].codec_context.name == "aac"
        assert sum(1 for _ in film.decode(video=0)) == 6
    recipe, film = film_of(read_any_provenance(folder / "a.mp4").recipe)
    assert (film.frames, film.between, film.steps, film.strength) == (2, 2, 1, 0.7)
    assert recipe.clip is not None
    assert recipe.clip.keep_structure == 0.5
    clip.unlink()
    assert main(["animate", "--recipe", "a.mp4", "--out", "b.mp4"]) == 0
    assert (folder / "a.mp4").read_bytes() == (folder / "b.mp4").read_bytes()
    capsys.readouterr()
    assert main(["recipe", "a.mp4"]) == 0
    assert '"clip"' in capsys.readouterr().out


def test_an_interrupted_clip_is_kept_as_far_as_it_came(
    folder: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
):
    step = Generation.step

    def interrupted(self: Generation) -> None:
        step(self)
        if self.steps_done == 4:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(Generation, "step", interrupted)
    options = ["--between", "0", "--fps", "12"]
    assert main(["restyle", str(clip), PROMPT, "--out", "a.mp4", *QUICK, *options]) == 143
    with av.open("a.mp4") as film:
        assert sum(1 for _ in film.decode(video=0)) == 2
    assert read_any_provenance(folder / "a.mp4").steps == 4


def test_a_clip_can_be_a_webp(folder: Path, clip: Path):
    assert main(["restyle", str(clip), PROMPT, "--out", "a.webp", *QUICK]) == 0
    with Image.open(folder / "a.webp") as film:
        assert film.n_frames == 6  # pyright: ignore[reportAttributeAccessIssue]


REFUSED = (
    (["picture.png", PROMPT], "it is no video"),
    (["missing.mp4", PROMPT], "Cannot read 'missing.mp4'"),
    (["bad.mp4", PROMPT], "Cannot read 'bad.mp4'"),
    (["clip.mp4", PROMPT, "--fps", "2"], "too short to be painted: it needs 4 frames"),
    (["clip.mp4", PROMPT, "--fps", "60"], "180 frames a second"),
    (["clip.mp4", PROMPT, "--keep", "2"], "--keep must be a number from 0 to 1"),
    (["clip.mp4", PROMPT, "--models", "demo-glide"], "so they cannot restyle"),
    (["clip.mp4", PROMPT, "--models", "demo-strokes"], "encode"),
    (["clip.mp4", PROMPT, "--camera", "zoom"], "unrecognized arguments: --camera"),
    (["clip.mp4", ""], "the prompt is empty"),
    (["clip.mp4"], "required: PROMPT"),
)


@pytest.mark.parametrize(("options", "reason"), REFUSED)
@pytest.mark.usefixtures("clip")
def test_what_cannot_be_restyled_is_refused_and_nothing_is_written(
    folder: Path, capsys: pytest.CaptureFixture, options: list[str], reason: str
):
    picture().save(folder / "picture.png")
    (folder / "bad.mp4").write_bytes(b"\0\0\0\x18ftypisom" + bytes(64))
    before = set(folder.iterdir())
    assert main(["restyle", *options, "--out", "a.mp4"]) == 2
    assert reason in capsys.readouterr().err
    assert set(folder.iterdir()) == before
