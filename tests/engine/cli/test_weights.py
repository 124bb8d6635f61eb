"""The files of published models, through the command line."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from threading import Event

import pytest

from engine.cli import main
from tests.engine.cli.cli_helpers import COMMAND
from tests.engine.weights.faulty_server import (
    CONTENT,
    OTHER,
    Mirror,
    blocked_after,
    cut_after,
    reach_at_once,
    status,
)

HASH, SIZE = sha256(CONTENT).hexdigest(), len(CONTENT)
CACHE = Path("weights")
GET = [*COMMAND, "weights", "get", "x.ckpt"]


@pytest.fixture(autouse=True)
def _reach_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    reach_at_once(monkeypatch)


def configure(*mirrors: Mirror, more: str = "") -> None:
    """Write settings that name a file of the mirrors."""
    urls = json.dumps([mirror.url for mirror in mirrors])
    file = f'[weights.files."x.ckpt"]\nmirrors = {urls}\nsha256 = "{HASH}"\nbytes = {SIZE}\n'
    Path("config.toml").write_text(f"{file}licence = 'only for tests'\n{more}")


def wait_until(is_so: Callable[[], bool]) -> None:
    end = time.time() + 600
    while not is_so():
        assert time.time() < end
        time.sleep(0.02)


def test_get_verify_remove(capsys: pytest.CaptureFixture):
    with Mirror() as mirror:
        configure(mirror)
        assert main(["weights", "get", "x.ckpt"]) == 0
        said = capsys.readouterr()
        assert said.out == "weights/x.ckpt\n"
        assert "downloading x.ckpt into 'weights': 0.0 MB of 0.2 MB" in said.err
        assert "note: only for tests" in said.err
        assert main(["weights", "get", "x.ckpt"]) == 0
        assert capsys.readouterr().out == "weights/x.ckpt\n"
        assert len(mirror.requests) == 1
    for line in (["weights", "verify"], ["weights", "verify", "x.ckpt"]):
        assert main(line) == 0
        assert f"weights/x.ckpt: correct, SHA-256 {HASH}" in capsys.readouterr().out
    (CACHE / "x.ckpt").write_bytes(OTHER)
    assert main(["weights", "verify"]) == 2
    assert f"instead of {HASH}" in capsys.readouterr().err
    assert main(["weights", "remove", "x.ckpt"]) == 0
    assert capsys.readouterr().out == "weights/x.ckpt\nweights/x.ckpt.sha256\n"
    assert main(["weights", "remove", "x.ckpt"]) == 0
    assert "there are no files of x.ckpt" in capsys.readouterr().err
    assert main(["weights", "verify"]) == 0
    assert "there are no files yet" in capsys.readouterr().err


def test_why_a_mirror_was_left_is_told(capsys: pytest.CaptureFixture):
    with Mirror([status(404)]) as first, Mirror() as second:
        configure(first, second)
        assert main(["weights", "get", "x.ckpt"]) == 0
        assert f"note: x.ckpt from {first.host}: HTTP 404\n" in capsys.readouterr().err


def test_a_wrong_checksum_names_both_and_keeps_nothing(capsys: pytest.CaptureFixture):
    with Mirror(content=OTHER) as mirror:
        configure(mirror)
        assert main(["weights", "get", "x.ckpt"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert f"{sha256(OTHER).hexdigest()} instead of {HASH}" in said.err.splitlines()[-1]
    assert [path.name for path in CACHE.iterdir()] == [".lock"]


def test_offline_nothing_is_fetched(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch):
    def refused() -> None:
        assert main(["weights", "get", "x.ckpt"]) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert all(each in said for each in ("'x.ckpt'", "'weights'", HASH, "by hand"))

    with Mirror() as mirror:
        configure(mirror, more="[weights]\noffline = true\n")
        refused()
        configure(mirror)
        for variable in ("HF_HUB_OFFLINE", "VQGAN_CLIP_WEIGHTS__OFFLINE"):
            with monkeypatch.context() as patch:
                patch.setenv(variable, "1")
                refused()
        assert not mirror.requests
    CACHE.mkdir()
    (CACHE / "x.ckpt").write_bytes(CONTENT)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert main(["weights", "get", "x.ckpt"]) == 0


def test_the_list_tells_what_is_here(capsys: pytest.CaptureFixture):
    assert main(["weights", "list"]) == 0
    listed = capsys.readouterr().out
    assert listed.startswith("imagenet-16384: the paper's pair")
    assert "made of vqgan-imagenet-f16-16384, clip-vit-b-32\n" in listed
    assert "vqgan-imagenet-f16-16384.ckpt (980.1 MB, missing)" in listed
    assert "vqgan-imagenet-f16-1024.ckpt (958.0 MB, missing, no checksum published)" in listed
    with Mirror([cut_after(100_000), status(404)]) as mirror:
        own = '[weights.perceptors.mine]\nopen_clip = "RN50"\ncheckpoint = "x.ckpt"\n'
        configure(mirror, more=own)
        main(["weights", "get", "mine"])
        capsys.readouterr()
        main(["weights", "list"])
        assert "x.ckpt (0.2 MB, 0.1 MB of it here)" in capsys.readouterr().out
        mirror.answers = []
        assert main(["weights", "get", "mine"]) == 0
        capsys.readouterr()
        main(["weights", "list"])
        assert "x.ckpt (0.2 MB, here)" in capsys.readouterr().out


def test_other_painters_are_listed_with_their_limits_and_licences(capsys: pytest.CaptureFixture):
    assert main(["weights", "list"]) == 0
    listed = capsys.readouterr().out
    glide, mindalle = (listed.partition(f"\n{name}: ")[2] for name in ("glide", "mindalle"))
    assert "glide-base.pt (about 1,540.0 MB, missing, no checksum published)" in glide
    assert "  painter glide\n" in glide
    assert "its model card advises against commercial use" in glide
    assert "mindalle-1.3b.tar.gz (about 5,000.0 MB, missing)" in mindalle
    assert "  limits  minDALL-E reads one sentence" in mindalle
    assert "  made of clip-vit-b-32, and files of its own\n" in mindalle
    assert "under CC BY-NC-SA 4.0: not for commercial use" in mindalle


def test_what_another_painter_may_not_be_used_for_is_said_before_its_download(
    capsys: pytest.CaptureFixture,
):
    roles = ("base", "upsampler", "vocabulary", "merges")
    files = ", ".join(f'{role} = "x.ckpt"' for role in roles)
    table = (
        f'[weights.painters.mine]\nkind = "glide"\nlimits = "not for sale"\nfiles = {{{files}}}\n'
    )
    with Mirror() as mirror:
        configure(mirror, more=table)
        assert main(["weights", "get", "mine"]) == 0
    said = capsys.readouterr()
    assert said.out == "weights/x.ckpt\n"
    assert said.err.index("note: not for sale") < said.err.index("downloading x.ckpt")
    assert "note: only for tests" in said.err


def test_removing_a_painter_keeps_what_others_need(capsys: pytest.CaptureFixture):
    CACHE.mkdir()
    for name in ("glide-base.pt", "glide-vocabulary.json.gz", "clip-vit-b-32.pt"):
        (CACHE / name).write_bytes(b"x")
    (CACHE / "glide").mkdir()
    assert main(["weights", "remove", "glide"]) == 0
    assert capsys.readouterr().out == "weights/glide-base.pt\nweights/glide\n"
    kept = {".lock", "glide-vocabulary.json.gz", "clip-vit-b-32.pt"}
    assert {path.name for path in CACHE.iterdir()} == kept


def test_removing_models_keeps_what_others_need(capsys: pytest.CaptureFixture):
    CACHE.mkdir()
    names = ("vqgan-coco-f16-8192.ckpt", "vqgan-coco-f16-8192.yaml", "clip-vit-b-32.pt")
    for name in names:
        (CACHE / name).write_bytes(b"x")
    (CACHE / "vqgan-coco-f16-8192").mkdir()
    (CACHE / "vqgan-coco-f16-8192" / "converted.safetensors").write_bytes(b"x")
    assert main(["weights", "remove", "coco-8192"]) == 0
    said = capsys.readouterr()
    assert [Path(line).name for line in said.out.splitlines()] == [*names[:2], names[0][:-5]]
    assert "clip-vit-b-32 stays, other models use it too" in said.err
    assert {path.name for path in CACHE.iterdir()} == {".lock", "clip-vit-b-32.pt"}
    assert main(["weights", "remove", "clip-vit-b-32"]) == 0
    assert {path.name for path in CACHE.iterdir()} == {".lock"}


def test_a_local_file_is_neither_copied_nor_removed(capsys: pytest.CaptureFixture):
    Path("mine.pt").write_bytes(CONTENT)
    Path("config.toml").write_text(
        f'[weights.files."mine.pt"]\npath = "mine.pt"\nsha256 = "{HASH}"\n'
    )
    assert main(["weights", "get", "mine.pt"]) == 0
    assert capsys.readouterr().out == "mine.pt\n"
    assert main(["weights", "remove", "mine.pt"]) == 0
    assert "'mine.pt' stays" in capsys.readouterr().err
    assert Path("mine.pt").read_bytes() == CONTENT


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_fetch_that_is_killed_goes_on_where_it_was(number: signal.Signals):
    reached, go_on = Event(), Event()
    with Mirror([blocked_after(100_000, reached, go_on), cut_after(SIZE)]) as mirror:
        configure(mirror)
        with subprocess.Popen(GET, stderr=subprocess.PIPE, text=True) as process:
            part = CACHE / "x.ckpt.part"
            wait_until(lambda: part.exists() and part.stat().st_size == 100_000)
            os.kill(process.pid, number)
            _, said = process.communicate(timeout=600)
        go_on.set()
        if number == signal.SIGKILL:
            assert process.returncode == -number
        else:
            assert process.returncode == 128 + number
            assert said.splitlines()[-1].startswith("stopped: the part that was downloaded is kept")
        assert not (CACHE / "x.ckpt").exists()
        again = subprocess.run(GET, check=True, capture_output=True, text=True)
        assert again.stdout == "weights/x.ckpt\n"
        assert [each.range for each in mirror.requests] == [None, "bytes=100000-"]
    assert (CACHE / "x.ckpt").read_bytes() == CONTENT


@pytest.mark.slow
def test_of_two_programs_one_fetches_and_the_other_waits():
    reached, go_on = Event(), Event()
    pipe = subprocess.PIPE
    with Mirror([blocked_after(100_000, reached, go_on)]) as mirror:
        configure(mirror)
        with subprocess.Popen(GET, stdout=pipe, stderr=pipe, text=True) as first:
            assert reached.wait(600)
            with subprocess.Popen(GET, stdout=pipe, stderr=pipe, text=True) as second:
                assert second.stderr is not None
                while "waiting for it" not in (line := second.stderr.readline()):
                    assert line
                go_on.set()
                said = second.communicate(timeout=600)
            assert first.communicate(timeout=600)[0] == said[0] == "weights/x.ckpt\n"
            assert (first.returncode, second.returncode) == (0, 0)
        assert len(mirror.requests) == 1
    assert (CACHE / "x.ckpt").read_bytes() == CONTENT


def test_a_long_download_is_told_without_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    monkeypatch.setattr("engine.cli.progress._SILENCE", 0)
    with Mirror() as mirror:
        configure(mirror)
        assert main(["weights", "get", "x.ckpt"]) == 0
    assert re.search(r"^x\.ckpt: 0\.\d of 0\.2 MB$", capsys.readouterr().err, re.MULTILINE)
