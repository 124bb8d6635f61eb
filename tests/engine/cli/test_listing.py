import json
import subprocess
from pathlib import Path

import pytest

from engine import save_painting
from engine.cli import main
from tests.engine.cli.cli_helpers import COMMAND, picture, small


def test_models_are_listed(capsys: pytest.CaptureFixture):
    assert main(["models"]) == 0
    listed = capsys.readouterr().out
    for told in ("demo: ", "know only colored shapes", " MB)", "64x64 pixels", "preset  demo"):
        assert told in listed


@pytest.mark.parametrize("command", [[], ["imagine"], ["recipe"], ["models"]])
def test_help_is_there(command: list[str], capsys: pytest.CaptureFixture):
    with pytest.raises(SystemExit, match="0"):
        main([*command, "--help"])
    assert capsys.readouterr().out.startswith("usage: python -m engine")


def test_the_recipe_of_a_stopped_run_comes_with_a_notice(capsys: pytest.CaptureFixture):
    save_painting(picture(), Path("a.png"), small(), {}, steps=2)
    assert main(["recipe", "a.png"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["steps"] == 3
    assert "note: the picture was stopped at step 2 of 3" in said.err


def test_the_precision_that_painted_a_picture_is_told(capsys: pytest.CaptureFixture):
    save_painting(picture(), Path("a.png"), small(), {}, precision="bfloat16")
    assert main(["recipe", "a.png"]) == 0
    assert "note: the picture was painted in bfloat16" in capsys.readouterr().err


@pytest.mark.slow
def test_a_reader_that_leaves_early_is_no_error():
    listing = subprocess.Popen([*COMMAND, "models"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert listing.stdout is not None
    listing.stdout.close()
    assert listing.stderr is not None
    assert listing.stderr.read() == b""
    listing.stderr.close()
    assert listing.wait(600) == 141
