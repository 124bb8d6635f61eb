"""A picture that is painted is kept, whatever else fails."""

import errno
import io
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

import engine.cli.growth
import engine.cli.painter
from engine import load_models, read_provenance
from engine.cli import main
from engine.images.image_io import read_picture
from tests.engine.cli.cli_helpers import COMMAND, QUICK, picture

PAINT = ["imagine", "a red circle", *QUICK]
NOT_AS_ASKED = 3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("redirection", "code"),
    [
        ("<&- >&- 2>&-", 0),
        ("2>/dev/full", 0),
        (">/dev/full 2>/dev/full", NOT_AS_ASKED),
        ("2>&1 | true", NOT_AS_ASKED),
    ],
)
def test_streams_that_cannot_be_written_cost_no_picture(redirection: str, code: int, folder: Path):
    # The reader of the pipe is gone before anything is written.
    first = "sleep 1; " if "|" in redirection else ""
    command = f'set -o pipefail; ({first}exec "$@") {redirection}'
    arguments = [*COMMAND, *PAINT, "--out", "a.png", "--animation", "a.webp"]
    ended = subprocess.run(["bash", "-c", command, "bash", *arguments], check=False)
    assert ended.returncode == code
    assert read_picture(folder / "a.png").size == (256, 192)
    assert (folder / "a.webp").exists()


def test_a_name_that_the_terminal_cannot_show_is_printed_as_its_bytes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    printed = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(printed, encoding="ascii"))
    assert main([*PAINT, "--out", "круг.png"]) == 0
    assert printed.getvalue() == os.fsencode("круг.png\n")
    assert (folder / "круг.png").exists()


def meanwhile(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Let something happen between the start of a run and its first step."""

    def acting(name: str, device: str, precision: str):
        act()
        return load_models(name, device, precision)

    monkeypatch.setattr("engine.models.loading.load_models", acting)


def test_the_name_of_a_picture_is_taken_at_the_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    codes = []
    meanwhile(monkeypatch, lambda: codes.append(main([*PAINT, "--out", "a.png"])))
    assert main([*PAINT, "--out", "a.png"]) == 0
    assert codes == [2]
    assert "'a.png': it exists already and is empty: another run may be painting it" in (
        capsys.readouterr().err
    )
    assert read_provenance(Path("a.png")).steps == 3


def test_a_picture_is_saved_beside_a_file_that_took_its_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    Path("a-2.png").write_bytes(b"older")
    meanwhile(monkeypatch, lambda: Path("a.png").write_bytes(b"mine"))
    assert main([*PAINT, "--out", "a.png"]) == NOT_AS_ASKED
    assert Path("a.png").read_bytes() == b"mine"
    assert Path("a-2.png").read_bytes() == b"older"
    assert read_provenance(Path("a-3.png")).steps == 3
    said = capsys.readouterr()
    assert said.out == "a-3.png\n"
    assert "'a.png': it exists already" in said.err
    assert "saved as 'a-3.png' instead" in said.err


def test_a_picture_is_saved_elsewhere_when_its_folder_is_gone(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    (folder / "out").mkdir()
    meanwhile(monkeypatch, lambda: (folder / "out").rename(folder / "moved"))
    extras = ["--save-every", "1", "--animation", "out/a.webp"]
    assert main([*PAINT, "--out", "out/a.png", *extras]) == NOT_AS_ASKED
    said = capsys.readouterr()
    assert said.out.splitlines() == ["a.webp", "a.png"]
    assert read_provenance(folder / "a.png").steps == 3
    assert said.err.count("Cannot save frames in 'out/a-frames'") == 1
    assert list((folder / "moved").iterdir()) == []


def test_a_picture_is_saved_in_the_temporary_folder_at_last(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    (folder / "work").mkdir()
    (folder / "temporary").mkdir()
    monkeypatch.chdir(folder / "work")
    monkeypatch.setattr("tempfile.tempdir", str(folder / "temporary"))
    meanwhile(monkeypatch, lambda: shutil.rmtree(folder / "work"))
    assert main([*PAINT, "--out", "a.png"]) == NOT_AS_ASKED
    path = folder / "temporary" / "a.png"
    assert capsys.readouterr().out == f"{path}\n"
    assert read_provenance(path).steps == 3


def test_an_animation_that_cannot_be_written_costs_no_picture(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(engine.cli.growth, "write_animation", full)
    options = ["--out", "a.png", "--animation", "a.webp", "--count", "2"]
    assert main([*PAINT, *options]) == NOT_AS_ASKED
    said = capsys.readouterr()
    assert said.out == "a-1.png\na-2.png\n"
    assert said.err.count("No space left on device") == 2
    assert {path.name for path in folder.iterdir()} == {"a-1.png", "a-2.png"}


def test_a_fault_during_the_steps_keeps_the_picture_so_far(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    def broken(_: object, generation: engine.cli.painter.Generation) -> None:
        if generation.steps_done == 2:
            raise ZeroDivisionError

    monkeypatch.setattr(engine.cli.growth.FrameRecorder, "record", broken)
    with pytest.raises(ZeroDivisionError):
        main([*PAINT, "--out", "a.png"])
    assert read_provenance(folder / "a.png").steps == 2


@pytest.mark.slow
def test_a_terminal_that_is_closed_keeps_the_picture(folder: Path):
    """Closing a terminal sends SIGHUP, often twice, and breaks the streams."""
    endless = ["--out", "a.png", "--size", "16", "--steps", "100000"]
    with subprocess.Popen(
        [*COMMAND, "imagine", "a red circle", *endless],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stderr is not None
        assert process.stdout is not None
        while b"painting" not in (line := process.stderr.readline()):
            assert line  # it has not ended
        process.stderr.close()
        process.stdout.close()
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGHUP)
        try:
            assert process.wait(600) == 129
        finally:
            process.kill()
    assert read_provenance(folder / "a.png").steps < 100000


def test_a_run_without_a_terminal_goes_on_when_that_is_closed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    """Ignoring SIGHUP is what `nohup` does."""
    meanwhile(monkeypatch, lambda: os.kill(os.getpid(), signal.SIGHUP))
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert main([*PAINT, "--out", "a.png"]) == 0
    finally:
        signal.signal(signal.SIGHUP, before)
    assert read_provenance(folder / "a.png").steps == 3


def test_steps_are_told_without_a_terminal(capsys: pytest.CaptureFixture):
    steps = ["--size", "16", "--steps", "20", "--seed", "1"]
    assert main(["imagine", "a red circle", "--out", "a.png", *steps]) == 0
    told = [line.split(",")[0] for line in capsys.readouterr().err.splitlines()]
    assert [line for line in told if line.startswith("step ")] == [
        f"step {number} of 20" for number in range(2, 20, 2)
    ]


def test_a_mask_is_saved_elsewhere_too(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    picture((64, 64)).save(folder / "a.png")

    def found(*_: object) -> object:
        Path("mask.png").write_bytes(b"mine")
        return SimpleNamespace(found=True, mask=picture((64, 64), "L"))

    monkeypatch.setattr("engine.editing.text_masks.find_mask", found)
    assert main(["mask", "a.png", "the circle", "--out", "mask.png"]) == NOT_AS_ASKED
    assert capsys.readouterr().out == "mask-2.png\n"
    assert Path("mask.png").read_bytes() == b"mine"
