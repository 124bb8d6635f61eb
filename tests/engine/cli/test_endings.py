import os
import signal
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import torch
from torch import Tensor

from engine import Models, load_models, read_provenance
from engine.cli import main
from engine.models.catalogue import CATALOGUE
from engine.models.protocols import Perceptor
from engine.vqgan_clip.memory_estimate import estimate_peak
from engine.vqgan_clip.memory_plan import PLANS
from tests.engine.cli.cli_helpers import COMMAND, QUICK, small


def stop_when_frames_appear(process_id: int, number: int, is_running: Callable[[], bool]) -> None:
    """Send the signal to a run once it has left some frames in a-frames."""
    while is_running():
        if len(list(Path("a-frames").glob("*.png"))) >= 3:
            os.kill(process_id, number)
            return
        time.sleep(0.02)


ENDLESS = ["--out", "a.png", "--size", "16", "--steps", "100000", "--save-every", "1"]


def check_stopped_picture() -> None:
    origin = read_provenance(Path("a.png"))
    assert origin.recipe.steps == 100000
    assert 3 <= origin.steps < 100000
    assert main(["imagine", "--recipe", "a.png", "--out", "b.png"]) == 0
    assert Path("b.png").read_bytes() == Path("a.png").read_bytes()


@pytest.mark.slow
def test_ctrl_c_keeps_the_picture_which_can_be_painted_again():
    command = [*COMMAND, "imagine", "a red circle", *ENDLESS]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        stop_when_frames_appear(process.pid, signal.SIGINT, lambda: process.poll() is None)
        try:
            out, err = process.communicate(timeout=600)
        finally:
            process.kill()
    assert process.returncode == 130
    assert out.splitlines()[-1] == "a.png"
    assert "Traceback" not in err
    check_stopped_picture()


@pytest.mark.slow
def test_sigterm_keeps_the_picture_too():
    before = signal.getsignal(signal.SIGTERM)
    ended = Event()
    with ThreadPoolExecutor() as pool:
        stopping = pool.submit(
            stop_when_frames_appear, os.getpid(), signal.SIGTERM, lambda: not ended.is_set()
        )
        try:
            assert main(["imagine", "a red circle", *ENDLESS]) == 143
        finally:
            ended.set()
        stopping.result()
    assert signal.getsignal(signal.SIGTERM) == before
    check_stopped_picture()


class Failing:
    """A perceptor whose embeddings are no numbers any more from the third step on."""

    def __init__(self, perceptor: Perceptor) -> None:
        self._perceptor = perceptor
        self._calls = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._perceptor, name)

    def encode_image(self, images: Tensor) -> Tensor:
        self._calls += 1
        return self._perceptor.encode_image(images) * (torch.nan if self._calls > 2 else 1)


def test_a_run_that_diverges_leaves_its_last_good_picture(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    def failing(name: str, device: str, precision: str) -> Models:
        models = load_models(name, device, precision)
        return replace(models, perceptors=(Failing(models.perceptors[0]),))

    with monkeypatch.context() as patch:
        patch.setattr("engine.models.loading.load_models", failing)
        assert main(["imagine", "a red circle", "--out", "a.png", *QUICK]) == 1
    said = capsys.readouterr()
    assert said.out == "a.png\n"
    assert [line for line in said.err.splitlines() if line.startswith("error: ")] == [
        "error: the optimization diverged at step 3: try a lower learning rate or another seed; "
        "the last good picture is in 'a.png'"
    ]
    assert read_provenance(folder / "a.png").steps == 1
    assert main(["imagine", "--recipe", "a.png", "--out", "b.png"]) == 0
    assert (folder / "a.png").read_bytes() == (folder / "b.png").read_bytes()


def test_what_is_done_to_save_memory_is_said(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    free = estimate_peak(small(), CATALOGUE["demo"], PLANS[-1])
    monkeypatch.setattr("engine.models.memory.available_memory", lambda _: free)
    assert main(["imagine", "a red circle", "--out", "a.png", *QUICK]) == 0
    said = capsys.readouterr().err
    assert f"note: to fit into the free memory: {PLANS[-1]}" in said
    assert (folder / "a.png").exists()


def test_a_fault_of_the_program_is_not_hidden(monkeypatch: pytest.MonkeyPatch):
    def broken(*_: object) -> Models:
        raise ZeroDivisionError

    monkeypatch.setattr("engine.models.loading.load_models", broken)
    with pytest.raises(ZeroDivisionError):
        main(["imagine", "a red circle", "--out", "a.png", *QUICK])
