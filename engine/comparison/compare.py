"""Paint the same prompts with several systems, one after the other, and choose the best tries.

The paper chose the best of five by hand (Section 3.2); here CLIP chooses.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from itertools import groupby
from typing import Protocol

import torch
from PIL import Image
from torch import Tensor

from engine.comparison.similarity import similarity
from engine.comparison.systems import System
from engine.errors import EngineError
from engine.models.catalogue import find_entry
from engine.models.devices import choose_device
from engine.models.memory import free_budget
from engine.models.painter import Painter
from engine.models.processor import processor_name
from engine.models.protocols import Perceptor
from engine.models.tensors import to_picture
from engine.painters import begin, choose_plan, load_painter
from engine.recipes.kinds import AnyRecipe
from engine.recipes.recipe import Recipe
from engine.vqgan_clip.memory_estimate import oom_as_recipe_error
from engine.vqgan_clip.memory_plan import PLANS, MemoryPlan
from engine.vqgan_clip.painter import VqganClip


@dataclass(frozen=True)
class Try:
    """One picture."""

    recipe: AnyRecipe
    picture: Image.Image
    """The picture as it was painted, before it is enlarged."""
    seconds: float
    """Time that painting it took, without loading the models."""
    similarity: float
    """Similarity to the prompt, the mean cosine of the perceptors of VQGAN-CLIP."""


@dataclass(frozen=True)
class Painted:
    """What a system painted for a prompt."""

    system: System
    prompt: str
    tries: tuple[Try, ...]
    """The pictures, at least one, in the order of their seeds."""

    @property
    def chosen(self) -> int:
        """Index of the try that is most similar to the prompt, the first one of equals."""
        return max(range(len(self.tries)), key=lambda index: self.tries[index].similarity)

    @property
    def best(self) -> Try:
        """The try that was chosen."""
        return self.tries[self.chosen]


@dataclass(frozen=True)
class Failure:
    """Why a system painted no picture, or fewer than asked for."""

    system: System
    error: EngineError


@dataclass(frozen=True)
class Comparison:
    """What all systems painted, in the order in which they did."""

    painted: list[Painted] = field(default_factory=list[Painted])
    failures: list[Failure] = field(default_factory=list[Failure])
    digests: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    """SHA-256 of each weights file by its name, by the names of the models."""

    def of_system(self, system: System) -> dict[str, Painted]:
        """Return what a system painted, by prompt."""
        return {each.prompt: each for each in self.painted if each.system == system}


class Progress(Protocol):
    """What hears of the progress, and can end the comparison."""

    @property
    def is_stopped(self) -> bool:
        """True once the comparison should end with what is painted."""
        ...

    def painting(
        self, system: System, recipe: AnyRecipe
    ) -> AbstractContextManager[Callable[[], None]]:
        """Return a context around the painting of a picture, whose value is called every step."""
        ...


class Silence:
    """A progress that nobody hears of."""

    is_stopped = False

    def painting(
        self, system: System, recipe: AnyRecipe
    ) -> AbstractContextManager[Callable[[], None]]:
        """Return a context without effect."""
        del system, recipe
        return nullcontext(lambda: None)


class _StoppedError(Exception):
    """The comparison should end."""


def compare(
    systems: Sequence[System],
    prompts: Sequence[str],
    *,
    seed: int,
    device: str = "auto",
    precision: str = "auto",
    progress: Progress | None = None,
) -> Comparison:
    """Paint all prompts with all systems, each system with its models loaded before.

    An error of one system, such as missing files, ends its painting and no other's.

    Args:
        systems: what to compare, in this order. One is VQGAN-CLIP, whose perceptors choose.
        prompts: what to paint.
        seed: seed of the first try of each prompt; further tries have those after it.
        device: device of the models, as for `engine.painters.load_painter`.
        precision: their precision.
        progress: what hears of the progress.

    Raises:
        ModelError: the models of VQGAN-CLIP cannot be loaded.
    """
    ours = next(system for system in systems if system.painter == Recipe.painter)
    bench = _Bench(str(choose_device(device)), precision, progress or Silence(), seed)
    plan = bench.plan_of(ours, prompts)
    main = load_painter(ours.models, bench.device, precision)
    if not isinstance(main, VqganClip):
        raise TypeError(f"{ours.models} is not a pair of VQGAN-CLIP")
    bench.perceptors = main.models.perceptors
    with suppress(_StoppedError):
        for models, group in groupby(systems, key=lambda system: system.models):
            if models == ours.models:
                bench.paint_all(list(group), prompts, main, plan)
            else:
                bench.load_and_paint(list(group), prompts)
    return bench.result


class _Bench:
    """A comparison in progress."""

    def __init__(self, device: str, precision: str, progress: Progress, seed: int) -> None:
        self.result = Comparison()
        self.device = device
        self.perceptors: Sequence[Perceptor] = ()
        self._precision = precision
        self._progress = progress
        self._seed = seed

    def plan_of(self, system: System, prompts: Sequence[str]) -> MemoryPlan:
        """Return the fastest memory plan that fits, or the most frugal one if none seems to."""
        with suppress(EngineError):  # painting will tell
            return self._choose_plan(system.recipe(prompts[0], self._seed))
        return PLANS[-1]

    def load_and_paint(self, systems: Sequence[System], prompts: Sequence[str]) -> None:
        """Load the models of some systems, paint with them, and drop them."""
        try:
            self._choose_plan(systems[0].recipe(prompts[0], self._seed))
            painter = load_painter(systems[0].models, self.device, self._precision)
        except EngineError as error:
            self.result.failures.append(Failure(systems[0], error))
            return
        self.paint_all(systems, prompts, painter)

    def paint_all(
        self,
        systems: Sequence[System],
        prompts: Sequence[str],
        painter: Painter,
        plan: MemoryPlan = PLANS[0],
    ) -> None:
        """Paint with all systems of one painter."""
        self.result.digests[painter.name] = dict(painter.digests)
        for system in systems:
            with self._recording(system):
                # What torch prepares once is not part of any picture's time.
                begin(painter, system.recipe(prompts[0], self._seed), plan).step()
            for prompt in prompts:
                with self._recording(system):
                    self._paint(system, prompt, painter, plan)

    def _paint(self, system: System, prompt: str, painter: Painter, plan: MemoryPlan) -> None:
        tries: list[Try] = []
        try:
            for recipe in system.recipes(prompt, self._seed):
                tries.append(self._try(system, recipe, painter, plan))
        finally:
            if tries:
                self.result.painted.append(Painted(system, prompt, tuple(tries)))

    def _try(self, system: System, recipe: AnyRecipe, painter: Painter, plan: MemoryPlan) -> Try:
        with self._progress.painting(system, recipe) as on_step, oom_as_recipe_error(recipe):
            start = time.perf_counter()
            image = self._finished_image(painter, recipe, plan, on_step)
            picture = to_picture(image)  # waits for the device
            seconds = time.perf_counter() - start
            likeness = similarity(image, recipe.title, self.perceptors)
        return Try(recipe, picture, seconds, likeness)

    def _finished_image(
        self, painter: Painter, recipe: AnyRecipe, plan: MemoryPlan, on_step: Callable[[], None]
    ) -> Tensor:
        run = begin(painter, recipe, plan)
        while not run.done:
            if self._progress.is_stopped:
                raise _StoppedError
            run.step()
            on_step()
        return run.image()

    def _choose_plan(self, recipe: AnyRecipe) -> MemoryPlan:
        entry, device = find_entry(recipe.models), torch.device(self.device)
        return choose_plan(recipe, free_budget(entry, device, self._precision))

    @contextmanager
    def _recording(self, system: System) -> Iterator[None]:
        """Record an error of the block that a person can cause, once for each system."""
        try:
            yield
        except EngineError as error:
            known = [(each.system, str(each.error)) for each in self.result.failures]
            if (system, str(error)) not in known:
                self.result.failures.append(Failure(system, error))


def machine_name(device: str = "auto") -> str:
    """Return the name of the GPU, or else that of the processor and the number of threads."""
    chosen = choose_device(device)
    if chosen.type == "cuda":
        return torch.cuda.get_device_name(chosen)
    return f"{processor_name()}, {torch.get_num_threads()} threads"
