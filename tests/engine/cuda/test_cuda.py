"""The CUDA path of the engine on a machine without a card (`tests.engine.cuda.null_runtime`).

The checks are tests in `checks/`, which run in a process of their own: a preloaded runtime must not
reach other tests. They are one test here, because loading the libraries takes most of the time.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.engine.cuda import null_runtime

CHECKS = Path(__file__).parent / "checks"


@pytest.mark.slow
def test_cuda_path(tmp_path: Path):
    if reason := null_runtime.obstacle():
        pytest.skip(reason)
    environment = null_runtime.environment(null_runtime.build(tmp_path))
    files = sorted(map(str, CHECKS.glob("check_*.py")))
    # Without the values of arguments: tensors whose kernels did not run take minutes to print.
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "--tb=native",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
    ]
    done = subprocess.run(
        [*command, *files], check=False, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
