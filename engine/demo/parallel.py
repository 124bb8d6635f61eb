"""Training in several processes at once, each on pictures of its own.

On a CPU this uses the cores better than threads do: the models are so small that threads wait for
each other most of the time.
"""

import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import distributed, nn
from torch.multiprocessing.spawn import spawn


def run_in_processes(count: int, function: Callable[..., None], *arguments: Any) -> None:
    """Call `function(*arguments)` in `count` new processes, one thread each, and wait for all.

    `function` must be importable. If it fails in one process, all end, with its exception.
    """
    with tempfile.TemporaryDirectory() as folder:
        meeting_point = (Path(folder) / "processes").as_uri()
        os.environ["OMP_NUM_THREADS"] = "1"
        spawn(_join, (count, meeting_point, function, arguments), count)


def is_first() -> bool:
    """Whether this is the first of the processes, or the only one."""
    return rank() == 0


def rank() -> int:
    """This process's number among those at work, from 0."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def share_gradients(parameters: Sequence[nn.Parameter]) -> None:
    """Average the gradients over all processes at work."""
    if not distributed.is_initialized():
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    distributed.all_reduce(flat)
    flat /= distributed.get_world_size()
    parts = flat.split([gradient.numel() for gradient in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view_as(gradient))


def _join(
    number: int, count: int, meeting_point: str, function: Callable[..., None], arguments: Any
) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=meeting_point, rank=number, world_size=count)
    function(*arguments)
    distributed.destroy_process_group()
