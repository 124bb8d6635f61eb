"""The loss and the gradient of a run's step as one CUDA graph, behind `[engine] cuda_graphs`.

A step launches about a thousand small kernels, and a fast GPU waits for the program that launches
them. A graph launches all of them at once. It is captured from the run's own step, so it computes
the same with the same random numbers, and checked against a step as it is before it is used. What
cannot be captured, or turns out different, goes on without a graph.

A graph holds the addresses of a run's tensors and the constants of its recipe. What changes from
step to step is on the device: the latent, the random generator's offset, and the schedules of the
loss. Adam and the checks of values stay outside, where they take some twenty launches.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

from engine.models.memory import available_memory, is_out_of_memory
from engine.models.model_entry import ModelEntry
from engine.vqgan_clip.loop import Run, Schedules, compute_gradients, schedules
from engine.vqgan_clip.memory_estimate import estimate_graph, estimate_run
from engine.vqgan_clip.memory_plan import MemoryPlan

log = logging.getLogger(__name__)

WARM_UP_STEPS = 2
"""Steps before the capture, in which libraries are loaded and constants are copied."""
FEWEST_REPLAYS = 8
"""Steps that must be left for a capture to be worth its time: that of about two steps."""
TOLERANCE = 0.02
"""Largest difference, relative to the norm, between the gradients with and without a graph. Sums
of a GPU have no fixed order, and bfloat16 makes up to a hundredth of that."""


@dataclass(frozen=True)
class _Captured:
    """A graph with what it writes."""

    graph: torch.cuda.CUDAGraph
    plan: MemoryPlan
    loss: Tensor
    image: Tensor
    gradients: tuple[Tensor, ...]


class CudaGraphs:
    """Makes the graphs of runs on one device, which share their memory.

    Graphs may share memory because no two are replayed at the same time, and what one has written
    is read or copied before another is replayed.
    """

    def __init__(self) -> None:
        self._pool = torch.cuda.graph_pool_handle()

    def for_run(self, run: Run, entry: ModelEntry | None = None) -> "StepGraph | None":
        """Return the graph of a run, which is captured in one of its next steps.

        None for a film that is a loop or restyles a clip: each frame is faded into another picture.
        None for an enlargement: each tile lies in another place of the large picture.
        `entry` says what the run's models take; without it a graph is captured without asking if
        there is memory for it.
        """
        film = run.recipe.film
        is_faded = film is not None and (film.loop or film.clip is not None)
        if is_faded or run.recipe.enlargement is not None:
            return None
        return StepGraph(run.models.device, self._pool, entry)


def graphs_on(device: torch.device) -> CudaGraphs | None:
    """Return what makes graphs on a device; None for one that has no CUDA graphs."""
    return CudaGraphs() if device.type == "cuda" else None


class StepGraph:
    """Computes gradients of one run as `loop.compute_gradients` does, by a graph if it can."""

    def __init__(self, device: torch.device, pool: Any, entry: ModelEntry | None) -> None:
        self._pool = pool
        self._entry = entry
        self._numbers = torch.zeros(2, device=device)
        self._prompts: Tensor | None = None
        """Weights (1, P) of the prompts in a step of a story; None if they are always the same."""
        self._captured: _Captured | None = None
        self._warm_up = WARM_UP_STEPS
        self.has_failed = False
        """Whether the run goes on without a graph, because none could be captured."""

    @property
    def is_captured(self) -> bool:
        """Whether steps are replayed."""
        return self._captured is not None

    def compute_gradients(self, run: Run, plan: MemoryPlan) -> list[Tensor]:
        """Compute the loss () of a run, in a list, and its gradient on the run's state.

        Raises what `loop.compute_gradients` raises.
        """
        if self._captured is not None and self._captured.plan != plan:
            self._captured, self._warm_up = None, WARM_UP_STEPS
        if self._captured is not None:
            return [self._replay(run, self._captured)]
        is_due = self._warm_up == 0 and not self.has_failed
        self._warm_up = max(0, self._warm_up - 1)
        if not is_due or run.recipe.total_steps - run.steps_done < FEWEST_REPLAYS:
            return compute_gradients([run], plan)
        return [self._capture(run, plan)]

    def _replay(self, run: Run, captured: _Captured) -> Tensor:
        """Replay the graph; return the loss."""
        *numbers, prompts = schedules(run)
        for target, value in zip(self._numbers.unbind(), numbers, strict=True):
            target.fill_(value)
        if self._prompts is not None:
            self._prompts.copy_(prompts)
        captured.graph.replay()
        _set_gradients(run, captured.gradients)
        # Copied, because the next replay, maybe of another run, writes to the same memory.
        run.last_image = captured.image.clone()
        return captured.loss.clone()

    def _capture(self, run: Run, plan: MemoryPlan) -> Tensor:
        """Take the step as it is, capture it, and go on with a graph that computes the same."""
        before = run.rng.get_state()
        (loss,) = compute_gradients([run], plan)
        loss, image, gradients = loss.detach(), run.last_image, _gradients(run)
        after = run.rng.get_state()
        run.rng.set_state(before)
        try:
            self._check_memory(run, plan)
            self._captured = self._record(run, plan)
            replayed = self._replay(run, self._captured)
            pairs = zip(self._captured.gradients, gradients, strict=True)
            self.has_failed = not _is_close(replayed, loss, list(pairs))
        except (MemoryError, RuntimeError) as error:  # such as a kernel that cannot be captured
            self._log(error)
            self.has_failed = True
        if self.has_failed:
            # The generator may still belong to a capture that was broken off.
            self._captured = None
            run.rng = torch.Generator(run.models.device)
            run.rng.set_state(after)
            run.last_image = image
            _set_gradients(run, gradients)
            torch.cuda.empty_cache()
        return loss

    def _check_memory(self, run: Run, plan: MemoryPlan) -> None:
        """Raise MemoryError unless there is memory for a graph, and beside it for another run.

        Pictures come before graphs: the graph keeps its memory while others begin without one.
        """
        if self._entry is None:
            return
        is_bf16 = run.models.precision == "bfloat16"
        needed = estimate_graph(run.recipe, self._entry, plan, is_bf16=is_bf16)
        needed += estimate_run(run.recipe, self._entry, plan, is_bf16=is_bf16, is_cuda=True)
        if needed > available_memory(run.models.device):
            raise MemoryError(f"about {needed} bytes are needed for a graph and another run")

    def _record(self, run: Run, plan: MemoryPlan) -> _Captured:
        graph = torch.cuda.CUDAGraph()
        # Other threads may use the device meanwhile, for example to read a finished picture.
        captured = torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local")
        prompts = schedules(run).prompts
        if run.recipe.story is not None:
            prompts = self._prompts = prompts.clone()
        regularizer, smoothness = self._numbers.unbind()
        run.weights = Schedules(regularizer, smoothness, prompts)
        try:
            with torch.cuda.device(run.models.device), captured:
                (loss,) = compute_gradients([run], plan)
        finally:
            run.weights = None
        assert run.last_image is not None
        return _Captured(graph, plan, loss.detach(), run.last_image, _gradients(run))

    def _log(self, error: MemoryError | RuntimeError) -> None:
        if is_out_of_memory(error):
            log.warning("there is no memory for a CUDA graph, steps are taken without one")
        else:
            log.warning("a step cannot be captured as a CUDA graph", exc_info=error)


def _gradients(run: Run) -> tuple[Tensor, ...]:
    """Return the gradient of each tensor of a run's state."""
    return tuple(cast(Tensor, numbers.grad) for numbers in run.state)


def _set_gradients(run: Run, gradients: tuple[Tensor, ...]) -> None:
    for numbers, gradient in zip(run.state, gradients, strict=True):
        numbers.grad = gradient


def _is_close(loss: Tensor, expected: Tensor, gradients: Sequence[tuple[Tensor, Tensor]]) -> bool:
    """Return True if a graph computed what the step computes without; waits for the device.

    `gradients` are pairs of one with the graph and one without.
    """
    near = (loss - expected).abs() <= TOLERANCE * expected.abs()
    for gradient, wanted in gradients:
        near &= (gradient - wanted).norm() <= TOLERANCE * wanted.norm()
    is_close = bool(near)
    if not is_close:
        log.warning("a CUDA graph computed something else, steps are taken without one")
    return is_close
