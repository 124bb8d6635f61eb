"""Train in several processes at once, each with its own pictures.

On a CPU processes use the cores better than threads: the models are so small that threads would
mostly wait for each other.
"""

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Thread
from typing import Any

import torch
from torch import distributed, nn
from torch.multiprocessing.spawn import spawn


def run_in_processes(count: int, function: Callable[..., None], *arguments: Any) -> None:
    """Call `function(*arguments)` in `count` new processes, one thread each, and wait for all.

    `function` must be importable. If one process fails, all end and its exception is raised.
    """
    with tempfile.TemporaryDirectory() as folder:
        meeting_point = (Path(folder) / "processes").as_uri()
        os.environ["OMP_NUM_THREADS"] = "1"
        spawn(_join, (os.getpid(), count, meeting_point, function, arguments), count)


def is_first() -> bool:
    """Return True in the first of the processes, or in the only one."""
    return rank() == 0


def rank() -> int:
    """Return the index of this process, from 0."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def share_gradients(parameters: Sequence[nn.Parameter]) -> None:
    """Average the gradients over all processes."""
    if not distributed.is_initialized():
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    distributed.all_reduce(flat)
    flat /= distributed.get_world_size()
    parts = flat.split([gradient.numel() for gradient in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view_as(gradient))


def least(number: int) -> int:
    """Return the least of the numbers of all processes."""
    if not distributed.is_initialized():
        return number
    shared = torch.tensor(number)
    distributed.all_reduce(shared, distributed.ReduceOp.MIN)
    return int(shared)


def _join(
    number: int,
    parent: int,
    count: int,
    meeting_point: str,
    function: Callable[..., None],
    arguments: Any,
) -> None:
    torch.set_num_threads(1)
    Thread(target=_end_without, args=(parent,), daemon=True).start()
    distributed.init_process_group("gloo", init_method=meeting_point, rank=number, world_size=count)
    function(*arguments)
    distributed.destroy_process_group()


def _end_without(parent: int) -> None:
    """End this process when its parent has ended, which may have been killed at any time."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
