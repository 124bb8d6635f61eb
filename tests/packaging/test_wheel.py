"""The wheel, made from the source archive, in an environment and a folder without the checkout."""

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tomllib
import venv
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

import engine
from bot.storage.connection import DATABASE
from tools.supply.release import build, sums

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SOURCES = (
    *("bot", "cogs", "engine", "pyproject.toml", "config.toml"),
    *("requirements.txt", "requirements-picture-filter.txt", "requirements-postgres.txt"),
    *("requirements-upscaler.txt", "requirements-cluster.txt"),
)
LIMIT = 600.0
NIGHT = 1_700_000_000
"""When the wheel is built, it believes, in seconds since 1970."""

Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel beside the dependencies of the tests; return the folder of its commands."""
    folder = tmp_path_factory.mktemp("wheel")
    build(sources(folder), folder, NIGHT)
    (wheel,) = folder.glob("*.whl")
    environment = folder / "environment"
    venv.create(environment)
    python = environment / "bin" / "python"
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", wheel],
        check=True,
    )
    (packages,) = environment.glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return python.parent


def sources(folder: Path) -> Path:
    """Copy the sources, because building leaves files beside them."""
    copy = folder / "sources"
    copy.mkdir()
    for name in (*SOURCES, "README.md", "LICENSE"):
        if (ROOT / name).is_dir():
            unwanted = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, copy / name, ignore=unwanted)
        else:
            shutil.copy(ROOT / name, copy)
    return copy


def environment() -> dict[str, str]:
    hidden = ("PYTHONPATH", "DISCORD_", "VQGAN_CLIP_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    return kept | {"VQGAN_CLIP_ENGINE__THREADS": "1"}


@pytest.fixture
def command(programs: Path, tmp_path: Path) -> Command:
    """Run an installed command in an empty folder."""

    def run(name: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [programs / name, *arguments],
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )

    return run


def test_the_same_sources_give_the_same_bytes(programs: Path, tmp_path: Path):
    """In another folder, on another day, for a person with other habits."""
    first, second = programs.parents[1], tmp_path / "dist"
    copy = sources(tmp_path)
    for file in copy.rglob("*"):
        os.utime(file, (NIGHT - 1000, NIGHT + 1000))
    before = os.umask(0o027)
    try:
        build(copy, second, NIGHT)
    finally:
        os.umask(before)
    built = sorted(file.name for file in second.iterdir())
    assert len(built) == 2
    assert [(first / name).read_bytes() for name in built] == [
        (second / name).read_bytes() for name in built
    ]
    assert [line.split("  ")[1] for line in sums(second).splitlines()] == built


def test_installed_commands_print_their_version(command: Command):
    for name in ("vqgan-clip", "vqgan-clip-bot"):
        assert command(name, "--version").stdout == f"{name} {engine.__version__}\n"
        assert command(name, "--help").stdout.startswith(f"usage: {name} ")


def test_installed_engine_paints(command: Command, tmp_path: Path):
    models = command("vqgan-clip", "models").stdout
    assert "demo" in models
    assert "imagenet-16384" in models  # from the registry of published models
    picture = tmp_path / "circle.png"
    painted = command(
        "vqgan-clip", "imagine", "a red circle", "--out", str(picture), "--steps", "1"
    )
    assert painted.returncode == 0, painted.stderr
    with Image.open(picture) as image:
        assert image.format == "PNG"


def test_installed_bot_writes_its_settings_once(command: Command, tmp_path: Path):
    assert command("vqgan-clip-bot", "--write-config").returncode == 0
    written = tmp_path / "config.toml"
    assert tomllib.loads(written.read_text()) == tomllib.loads((ROOT / "config.toml").read_text())
    written.write_text("[limits]\ncount = 2\n")
    again = command("vqgan-clip-bot", "--write-config")
    assert again.returncode == 2
    assert "config.toml" in again.stderr
    assert written.read_text() == "[limits]\ncount = 2\n"


def test_installed_bot_has_the_templates_of_the_host_s_page(command: Command):
    line = "from bot.host_page.templates import Templates; print(len(Templates().files))"
    assert command("python", "-c", line).stdout == "4\n"


def test_installed_bot_creates_its_database_and_serves(programs: Path, tmp_path: Path):
    bot = subprocess.Popen(
        [programs / "vqgan-clip-bot"],
        cwd=tmp_path,
        env=environment() | {"TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert bot.stdout is not None
        assert any("http://127.0.0.1:" in line for line in iter(bot.stdout.readline, ""))
        assert list(tmp_path.glob(f"*/{DATABASE}"))  # the local page has a temporary one
        bot.send_signal(signal.SIGTERM)
        bot.communicate(timeout=LIMIT)
        assert bot.returncode == 0
    finally:
        bot.kill()
        bot.communicate()
