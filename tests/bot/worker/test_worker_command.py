"""`python -m bot.worker` with a real head of Ray: who may join, and what joins."""

import json
import platform
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.worker.__main__ import BAD_SETTINGS, UNREACHABLE, main
from engine import __version__
from tests.harness.ray_head import COMMAND, PATIENCE, RayHead, free_port, running_head, wait_until

ray = pytest.importorskip("ray")
_TASK = """
import json, os, sys, ray
ray.init(address=sys.argv[1], log_to_driver=False)

@ray.remote(num_cpus=1)
def look():
    import bot
    return {"program": bot.__file__, "variables": dict(os.environ)}

print(json.dumps(ray.get(look.remote())))
"""


@pytest.fixture(scope="module")
def head() -> Iterator[RayHead]:
    with running_head() as head:
        yield head


def run(head: RayHead, folder: Path, *options: str, **variables: str) -> tuple[int, str]:
    """Run the command to its end in a folder; return its exit code and what it printed."""
    done = subprocess.run(
        [*COMMAND, "--address", head.address, *options],
        env=head.environment | variables,
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.slow
def test_a_machine_with_the_token_and_the_same_versions_may_join(head: RayHead, tmp_path: Path):
    code, told = run(head, tmp_path, "--check")
    assert (code, told.strip()) == (0, f"this machine can join {head.address}")
    assert len(head.nodes()) == 1


@pytest.mark.slow
def test_another_token_is_told_apart(head: RayHead, tmp_path: Path):
    (tmp_path / "other").write_text("0" * 64)
    code, told = run(head, tmp_path, RAY_AUTH_TOKEN_PATH=str(tmp_path / "other"))
    assert code == BAD_SETTINGS
    assert f"error: the head at {head.address} has another token than this machine" in told
    assert "Traceback" not in told


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "its"),
    [("Ray", "2.1.0"), ("Python", "3.10.99"), ("this program", "0.9.0")],
)
def test_other_versions_are_named(head: RayHead, tmp_path: Path, what: str, its: str):
    right = {"Ray": ray.__version__, "Python": platform.python_version()}
    right["this program"] = __version__
    try:
        head.nodes(**_versions(right | {what: its}))
        code, told = run(head, tmp_path)
    finally:
        head.nodes(**_versions(right))
    assert code == BAD_SETTINGS
    assert f"has version {its} of {what}, this machine has {right[what]}" in told


def _versions(versions: dict[str, str]) -> dict[str, str]:
    found = {"ray_version": versions["Ray"], "python_version": versions["Python"]}
    return {"CLUSTER_METADATA": json.dumps(found), "version": versions["this program"]}


@pytest.mark.slow
def test_weights_that_cannot_be_had_keep_a_machine_out(head: RayHead, tmp_path: Path):
    variables = {"VQGAN_CLIP_WEIGHTS__OFFLINE": "true"}
    code, told = run(head, tmp_path, VQGAN_CLIP_ENGINE__MODELS="imagenet-16384", **variables)
    assert code == BAD_SETTINGS
    assert "error: " in told and "offline" in told
    code, told = run(head, tmp_path, VQGAN_CLIP_ENGINE__MODELS="imagnet-16384", **variables)
    assert code == BAD_SETTINGS
    assert "imagnet-16384" in told
    assert len(head.nodes()) == 1


@pytest.mark.slow
def test_a_machine_joins_with_what_it_has_and_leaves_when_told(head: RayHead, tmp_path: Path):
    first = free_port(30)
    options = ("--gpus", "0", "--cpus", "3", "--ports", f"{first}-{first + 29}")
    node = subprocess.Popen(
        [*COMMAND, "--address", head.address, *options],
        env=head.environment | {"DISCORD_TOKEN": "secret"},
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: len(head.nodes()) == 2)
        (joined,) = [each for each in head.nodes() if each["resources"].get("CPU")]
        assert joined["resources"]["CPU"] == 3
        assert joined["ports"] == [first, first + 1]
        task = [sys.executable, "-c", _TASK, head.address]
        looked = subprocess.run(
            task,
            check=True,
            env=head.environment,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            timeout=PATIENCE,
        )
        found = json.loads(looked.stdout.splitlines()[-1])
    finally:
        node.send_signal(signal.SIGTERM)
        node.wait(PATIENCE)
    assert Path(found["program"]).parents[1] == Path(__file__).parents[3]
    variables = found["variables"]
    assert "DISCORD_TOKEN" not in variables
    assert variables["RAY_memory_monitor_refresh_ms"] == "0"
    assert variables["RAY_USAGE_STATS_ENABLED"] == "0"
    assert variables["VQGAN_CLIP_WEIGHTS__FOLDER"] == str(tmp_path / "weights")
    wait_until(lambda: len(head.nodes()) == 1)


def told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *options: str) -> str:
    """Run the command in this process; return its exit code and its last line."""
    monkeypatch.setattr(sys, "argv", ["bot.worker", *options])
    try:
        code = main()
    except SystemExit as ended:
        code = int(str(ended.code))
    return f"{code} {capsys.readouterr().err.splitlines()[-1]}"


@pytest.fixture
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let the command find no token and no settings, and change no variables of the tests."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN_PATH", "RAY_AUTH_TOKEN", "PYTHONPATH"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    for name in ("RAY_USAGE_STATS_ENABLED", "RAY_memory_monitor_refresh_ms"):
        monkeypatch.setenv(name, "0")
    monkeypatch.setenv("VQGAN_CLIP_WEIGHTS__FOLDER", str(tmp_path / "weights"))


@pytest.mark.usefixtures("_alone")
def test_without_a_good_token_nothing_starts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    here = ("--address", "127.0.0.1:1")
    assert "2 error: there is no file" in told(monkeypatch, capsys, *here)
    (tmp_path / "token").touch(0o600)
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "token"))
    assert "contains no token: make one with: openssl" in told(monkeypatch, capsys, *here)
    (tmp_path / "token").write_text("hunter2\n")
    assert "is shorter than 16 characters" in told(monkeypatch, capsys, *here)
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    assert "RAY_AUTH_MODE must be token or unset" in told(monkeypatch, capsys, *here)


@pytest.mark.usefixtures("_alone")
def test_a_head_that_is_not_there_is_worth_another_try(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("RAY_AUTH_TOKEN", "0123456789abcdef")
    address = f"127.0.0.1:{free_port()}"
    answer = told(monkeypatch, capsys, "--check", "--address", address)
    assert answer.startswith(f"{UNREACHABLE} error: nobody listens at {address} (")


@pytest.mark.usefixtures("_alone")
@pytest.mark.parametrize(
    ("options", "hint"),
    [
        (("--address", "10.0.0.1"), "must be HOST:PORT"),
        (("--address", "ray://head:6379"), "must be HOST:PORT"),
        (("--address", "head:70000"), "must be HOST:PORT"),
        ((), "--address"),
        (("--head", "80"), "from 1024 to 65535"),
        (("--head", "--address", "head:6379"), "not allowed with"),
        (("--address", "head:6379", "--gpus", "-1"), "from 0 to 64"),
        (("--address", "head:6379", "--node-ip", "here"), "must be an IP address"),
        (("--address", "head:6379", "--ports", "6380-6385"), "at least 20"),
        (("--address", "head:6379", "--ports", "80-999"), "from 1024"),
        (("--address", "head:6379", "--config", "absent.toml"), "absent.toml"),
    ],
)
def test_options_are_checked(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...],
    hint: str,
):
    monkeypatch.setenv("RAY_AUTH_TOKEN", "0123456789abcdef")
    answer = told(monkeypatch, capsys, *options)
    assert answer.startswith(f"{BAD_SETTINGS} ")
    assert hint in answer


@pytest.mark.usefixtures("_alone")
def test_without_ray_it_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("RAY_AUTH_TOKEN", "0123456789abcdef")
    monkeypatch.setitem(sys.modules, "ray", None)
    answer = told(monkeypatch, capsys, "--address", "127.0.0.1:1")
    assert answer.startswith(f"{BAD_SETTINGS} error: a cluster needs Ray")
    assert "pip install -r requirements-cluster.txt" in answer
