"""Safety of a step: values that are not finite, and memory that runs out.

Neither belongs to the algorithm (`engine.vqgan_clip.loop`), and neither changes the result of a
step in which nothing goes wrong.
"""

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar, cast

import torch
from torch import Tensor

from engine.errors import DivergedError
from engine.files import MEBIBYTE
from engine.models.memory import is_out_of_memory
from engine.models.protocols import State
from engine.vqgan_clip.memory_plan import MemoryPlan, next_plan

T = TypeVar("T")

_LONGEST_WAIT, _PAUSE = 1.0, 0.01
"""Seconds to wait for memory that is about to be free, in all and between two looks."""
CHECK_INTERVAL = 16
"""Steps between two checks on CUDA, where each check waits for the device."""


class FiniteGuard:
    """Keeps a generator's state finite, without waiting for the device in every step.

    A step whose loss or gradient is not finite leaves the state at the last one that gave a
    finite loss, and so do all steps after it, until `check` finds out.
    """

    def __init__(self, state: State) -> None:
        self.last_finite = tuple(numbers.detach().clone() for numbers in state)
        """Last state with a finite loss and gradient, or the state of the start."""
        self.last_finite_steps = 0
        """Number of steps that led to `last_finite`, as far as they are checked."""
        self._finite = torch.ones((), dtype=torch.bool, device=state[0].device)
        self._pending: list[tuple[int, Tensor]] = []

    @property
    def is_due(self) -> bool:
        """Whether to check now: after every step, on CUDA after `CHECK_INTERVAL` steps."""
        return self.last_finite[0].device.type != "cuda" or len(self._pending) >= CHECK_INTERVAL

    @contextmanager
    def watch(self, state: State, loss: Tensor, steps_done: int) -> Iterator[None]:
        """Undo the update of `state` in the block if its loss or gradient is not finite."""
        # Decided on the device, so nothing waits for it.
        self._finite = self._finite & loss.isfinite()
        for numbers in state:
            self._finite = self._finite & cast(Tensor, numbers.grad).isfinite().all()
        self._pending.append((steps_done, self._finite))
        pairs = zip(state, self.last_finite, strict=True)
        self.last_finite = tuple(torch.where(self._finite, now, last) for now, last in pairs)
        yield
        for numbers, last in zip(state, self.last_finite, strict=True):
            numbers.copy_(torch.where(self._finite, numbers, last))

    def check(self) -> DivergedError | None:
        """Return the error of the first step since the last check that was not finite."""
        if not self._pending:
            return None
        flags = torch.stack([flag for _, flag in self._pending]).tolist()
        pending, self._pending = self._pending, []
        for (before, _), is_finite in zip(pending, flags, strict=True):
            if not is_finite:
                self._finite = torch.ones_like(self._finite)
                return DivergedError(
                    "the optimization diverged at step {step}: try a lower learning rate or "
                    "another seed",
                    step=before + 1,
                )
            self.last_finite_steps = before
        return None

    def restore(self, last_finite: State, steps: int) -> None:
        """Continue from a checkpoint's last finite state."""
        for own, numbers in zip(self.last_finite, last_finite, strict=True):
            own.copy_(numbers)
        self.last_finite_steps = steps
        self._finite = torch.ones_like(self._finite)
        self._pending = []


def with_less_memory(
    compute: Callable[[MemoryPlan], T], plan: MemoryPlan, rngs: Sequence[torch.Generator]
) -> tuple[T, MemoryPlan]:
    """Compute with `plan`, or with the first later plan for which memory suffices.

    Every attempt starts from the same state of the random generators. A batch, which has several of
    them, is attempted only once: its runs can continue one by one.

    Returns:
        The result, and the plan that gave it.

    Raises:
        MemoryError, RuntimeError: memory ran out with every plan, or something else failed. The
            generators are as before.
    """
    states = [rng.get_state() for rng in rngs]
    device = rngs[0].device
    before = torch.cuda.memory_allocated(device) if device.type == "cuda" else 0
    while True:
        try:
            return compute(plan), plan
        except (MemoryError, RuntimeError) as error:
            for rng, state in zip(rngs, states, strict=True):
                rng.set_state(state)
            smaller = next_plan(plan)
            if len(rngs) > 1 or smaller is None or not is_out_of_memory(error):
                raise
        # Retry outside the handler: its traceback keeps the failed attempt's tensors alive.
        plan = smaller
        # What failed can be part of cycles of references, and be freed only by a collection.
        gc.collect()
        if device.type == "cuda":
            _wait_for_memory(device, before)
            torch.cuda.empty_cache()


def _wait_for_memory(device: torch.device, before: int) -> None:
    """Wait, at most a second, until about `before` bytes are allocated on a CUDA device, or fewer.

    The threads of autograd let go of what failed a moment after the error is raised.
    """
    deadline = time.monotonic() + _LONGEST_WAIT
    while torch.cuda.memory_allocated(device) > before + MEBIBYTE and time.monotonic() < deadline:
        time.sleep(_PAUSE)
