from pathlib import Path

import pytest
import torch
from torch import nn

from engine.demo.parallel import is_first, run_in_processes, share_gradients
from tests.engine.demo.averaging import average_a_gradient, fail


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


def test_alone_there_is_nothing_to_share() -> None:
    weight = nn.Parameter(torch.zeros(2))
    weight.grad = torch.ones(2)
    share_gradients([weight])
    assert is_first()
    assert weight.grad.tolist() == [1, 1]
