"""Work for processes of their own: it has to be importable there."""

import os
import time
from pathlib import Path

import torch
from torch import nn

from engine.demo.parallel import is_first, rank, share_gradients
from engine.demo.scene_models import training


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


class Counting:
    """A training that only notes the steps that it takes, and shares something in each."""

    steps = 6

    def __init__(self) -> None:
        self.taken: list[int] = []

    def step(self, number: int) -> dict[str, float]:
        self.taken.append(number)
        weight = nn.Parameter(torch.zeros(1))
        weight.grad = torch.full((1,), float(number))
        share_gradients([weight])
        return {"shared": weight.grad.item()}

    def state_dict(self) -> dict[str, list[int]]:
        return {"taken": self.taken}

    def load_state_dict(self, state: dict[str, list[int]]) -> None:
        self.taken = list(state["taken"])


def count_steps(folder: Path) -> None:
    """Take the steps of a training, or those that are missing, and write down which it took."""
    training.SAVE_EVERY = 2
    counting = Counting()
    training.run(counting, "counting", folder / "state")
    (folder / f"taken-{rank()}").write_text(repr(counting.taken))
