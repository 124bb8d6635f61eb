import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from engine.demo.parallel import is_first, run_in_processes, share_gradients
from tests.engine.demo.averaging import average_a_gradient, count_steps, fail


@pytest.mark.slow
def test_gradients_are_averaged_over_the_processes(tmp_path: Path) -> None:
    run_in_processes(2, average_a_gradient, tmp_path)
    written = {path.name: path.read_text() for path in tmp_path.iterdir()}
    halves = repr([[0.5, 0.5, 0.5], [0.5, 0.5, 0.5]])
    assert written == {"0-True": halves, "1-False": halves}


@pytest.mark.slow
def test_a_failure_in_one_process_ends_all_with_its_cause() -> None:
    with pytest.raises(Exception, match="the oven is cold"):
        run_in_processes(2, fail, 1)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the states of processes from /proc")
def test_no_process_outlives_a_killed_parent(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from engine.demo.parallel import run_in_processes\n"
        "from tests.engine.demo.averaging import wait_for_the_end\n"
        "if __name__ == '__main__':\n"
        "    run_in_processes(2, wait_for_the_end, Path(sys.argv[1]))\n"
    )
    parent = subprocess.Popen((sys.executable, "-c", program, str(tmp_path)))
    try:
        wait_until(lambda: len(list(tmp_path.iterdir())) == 2)
    finally:
        parent.kill()
        parent.wait()
    children = [Path(f"/proc/{path.name}") for path in tmp_path.iterdir()]
    wait_until(lambda: not any(map(is_running, children)))


@pytest.mark.slow
def test_processes_that_were_killed_while_they_saved_go_on_together(tmp_path: Path) -> None:
    run_in_processes(2, count_steps, tmp_path)
    (tmp_path / "state-1.previous").replace(tmp_path / "state-1.pt")  # it lacks the last save
    run_in_processes(2, count_steps, tmp_path)
    for number in range(2):
        assert (tmp_path / f"taken-{number}").read_text() == "[0, 1, 2, 3, 4, 5]"


def is_running(process: Path) -> bool:
    """Return if a process is there and no mere entry that nobody has read yet."""
    try:
        return "State:\tZ" not in (process / "status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until(happened: Callable[[], bool]) -> None:
    """Wait until something has happened, for at most two minutes."""
    ends = time.monotonic() + 120
    while not happened():
        assert time.monotonic() < ends
        time.sleep(0.1)


def test_alone_there_is_nothing_to_share() -> None:
    weight = nn.Parameter(torch.zeros(2))
    weight.grad = torch.ones(2)
    share_gradients([weight])
    assert is_first()
    assert weight.grad.tolist() == [1, 1]
