"""Compare the memory and the gradient of a step of the engine and of the baseline."""

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar

from benchmarks.lib.statistics import cosine
from engine.vqgan_clip.memory_plan import PLANS

if TYPE_CHECKING:
    import torch

    from benchmarks.lib.engines import Engine
    from engine.recipes.recipe import Recipe


Result = TypeVar("Result")


@dataclass(frozen=True)
class StepMemory:
    """Memory of two steps."""

    peak: int
    """Peak in bytes above the memory before the models were built."""
    weights: int
    """Size of the weights in bytes."""


def memory(engine: "Engine", sides: Sequence[int], cutouts: int) -> list[dict[str, Any]]:
    """Measure the peak memory of both, each in a process that does nothing else.

    The engine's weights are in files, as it keeps published ones.
    """
    print("\n### Memory\n")
    print(
        "| side | cutouts | engine | its weights | baseline | its weights "
        "| share of the baseline's |"
    )
    print("|---|---|---|---|---|---|---|")
    rows = []
    for side in sides:
        with TemporaryDirectory() as name:
            _in_new_process(_write_pair, Path(name))
            ours = _in_new_process(_measure, engine, Path(name), side, cutouts)
        theirs = _in_new_process(_measure, engine, None, side, cutouts)
        print(
            f"| {side} | {cutouts} | {ours.peak / 1e9:.2f} GB | {ours.weights / 1e9:.2f} GB "
            f"| {theirs.peak / 1e9:.2f} GB | {theirs.weights / 1e9:.2f} GB "
            f"| {ours.peak / theirs.peak:.0%} |",
            flush=True,
        )
        rows.append({"side": side, "cutouts": cutouts})
        rows[-1] |= {"engine": asdict(ours), "baseline": asdict(theirs)}
    return rows


def _in_new_process(function: Callable[..., Result], *arguments: Any) -> Result:
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def _write_pair(folder: Path) -> None:
    from benchmarks.lib.architectures import write_pair

    write_pair(folder)


def _measure(engine: "Engine", files: Path | None, side: int, cutouts: int) -> StepMemory:
    """Measure the engine with weights in a folder, or without one the baseline."""
    import torch

    from benchmarks.lib.architectures import paper_recipe, read_pair
    from benchmarks.lib.baseline import Baseline, plain_pair
    from benchmarks.lib.machine import peak_memory, weigh
    from engine.models.latent_generator import vqgan_of
    from engine.vqgan_clip.generation import Generation

    device = torch.device(engine.device)
    recipe = paper_recipe(side, cutouts)
    before = peak_memory(device)
    if files is not None:
        models = read_pair(files, engine.device, engine.precision)
        weights = weigh(vqgan_of(models.generator), *models.perceptors)
        run = Generation(recipe, models, PLANS[engine.plan])
    else:
        plain = plain_pair(engine.device)
        weights = weigh(plain.vqgan, plain.clip)
        run = Baseline(recipe, plain)
    run.step()
    run.step()
    return StepMemory(peak_memory(device) - before, weights)


def gradients(engine: "Engine", sides: Sequence[int], cutouts: int) -> list[dict[str, Any]]:
    """Compare the first step's gradient for the same latent and the same cutouts."""
    from benchmarks.lib.architectures import paper_recipe
    from benchmarks.lib.baseline import plain_pair

    exact = replace(engine, precision="float32")
    models, exact_models, plain = engine.models(), exact.models(), plain_pair(engine.device)
    print("\n### The gradient on z\n")
    print(
        "| side | cutouts | engine and its float32 | engine and baseline "
        "| float32 and baseline | losses: engine, its float32, baseline |\n"
        "|---|---|---|---|---|---|"
    )
    rows = []
    for side in sides:
        recipe = paper_recipe(side, cutouts)
        ours = _of_engine(recipe, models, engine.plan)
        precise = _of_engine(recipe, exact_models, engine.plan)
        theirs = _of_baseline(recipe, plain, exact_models)
        losses = [step.loss for step in (ours, precise, theirs)]
        cosines = {
            "float32": cosine(ours.gradient, precise.gradient),
            "baseline": cosine(ours.gradient, theirs.gradient),
            "float32 and baseline": cosine(precise.gradient, theirs.gradient),
        }
        print(
            f"| {side} | {cutouts} | {' | '.join(f'{c:.6f}' for c in cosines.values())} "
            f"| {', '.join(f'{loss:.6f}' for loss in losses)} |",
            flush=True,
        )
        rows.append({"side": side, "cutouts": cutouts, "cosines": cosines, "losses": losses})
    return rows


@dataclass(frozen=True)
class FirstStep:
    """The result of a run's first step."""

    loss: float
    gradient: Any
    """Gradient as an array of the latent's shape."""


def _of_engine(recipe: "Recipe", models: Any, plan: int) -> FirstStep:
    from engine.vqgan_clip.generation import Generation

    run = Generation(recipe, models, PLANS[plan])
    run.step()
    return FirstStep(run.loss, _array(run.latent.grad))


def _of_baseline(recipe: "Recipe", plain: Any, models: Any) -> FirstStep:
    """Take the baseline's first step from the engine's initial latent, with its cutouts."""
    import torch

    from benchmarks.lib.baseline import Baseline
    from engine.vqgan_clip.cutouts import make_cutouts
    from engine.vqgan_clip.generation import Generation

    start = Generation(recipe, models)
    random = torch.Generator(models.device)
    random.set_state(start.rng.get_state())
    size = models.perceptors[0].input_size

    def cut(image: torch.Tensor) -> torch.Tensor:
        return make_cutouts(image, recipe.cutouts, size, recipe.augmentations, random)

    run = Baseline(recipe, plain, start.latent, cut)
    return FirstStep(run.step(), _array(run.latent.grad))


def _array(gradient: "torch.Tensor | None") -> Any:
    assert gradient is not None
    return gradient.float().cpu().numpy().copy()
