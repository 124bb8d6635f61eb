"""The benchmark of a GPU runs to its end, though its times and values mean nothing here."""

import json
from collections.abc import Sequence
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest

from benchmarks import gpu
from benchmarks.lib.gpu_checks import PictureCheck, StepCheck
from engine import Recipe

WAYS = ("eager", "graph", "baseline")
OPTIONS = ["--small", "--sides", "32", "--cutouts", "2", "--pictures", "1"]
OPTIONS += ["--picture-steps", "1", "--steps", "1"]


def black(recipes: Sequence[Recipe]) -> list[np.ndarray]:
    """Stand in for pictures that the CPU paints, which takes other processes."""
    return [np.zeros((64, 64, 3), np.uint8) for _ in recipes]


def test_benchmark_measures_all_and_finds_that_nothing_is_computed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path = tmp_path / "gpu.json"
    options = [*OPTIONS, "--jobs", "1", "2", "--ways", *WAYS, "--json", str(path)]
    with (
        patch("benchmarks.lib.painters.paint_all", black),
        pytest.raises(SystemExit, match="does not paint what the CPU paints"),
    ):
        gpu.main(options)
    printed = capsys.readouterr().out
    for jobs in (1, 2):
        for way in WAYS:
            assert f"| 32 | {jobs} | {way} |" in printed
    assert "| the step as a CUDA graph | the same |" in printed
    rows = json.loads(path.read_text())["rows"]
    notes = [row["note"] for row in rows if row["way"] != "baseline"]
    assert notes == ["", "", "", "one after the other"]


def test_benchmark_begins_nothing_when_the_time_is_over(capsys: pytest.CaptureFixture[str]):
    checked = StepCheck(1.0, 0.0, has_graph=True), PictureCheck(1, 1, 1)
    with patch.object(gpu, "_check", return_value=checked):
        gpu.main([*OPTIONS, "--jobs", "1", "--ways", "eager", "--minutes", "0"])
    assert "no time was left" in capsys.readouterr().out
