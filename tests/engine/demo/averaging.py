"""Work for processes of their own: it has to be importable there."""

import os
import time
from pathlib import Path

import torch
from torch import nn

from engine.demo.parallel import is_first, rank, share_gradients


def average_a_gradient(folder: Path) -> None:
    """Each process has another gradient, and writes the one that it has after sharing."""
    weight = nn.Parameter(torch.zeros(2, 3))
    weight.grad = torch.full((2, 3), float(rank()))
    share_gradients([weight])
    (folder / f"{rank()}-{is_first()}").write_text(repr(weight.grad.tolist()))


def fail(number: int) -> None:
    """One process fails."""
    if rank() == number:
        raise ValueError("the oven is cold")


def wait_for_the_end(folder: Path) -> None:
    """Note the number of this process in a file, and wait."""
    (folder / str(os.getpid())).touch()
    time.sleep(600)
