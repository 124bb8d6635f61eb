"""What a step of the engine and of the baseline takes of memory, and what gradient comes of it."""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

from benchmarks.lib.statistics import cosine
from engine.vqgan_clip.memory_plan import PLANS

if TYPE_CHECKING:
    import torch

    from benchmarks.lib.engines import Engine
    from engine.recipes.recipe import Recipe


@dataclass(frozen=True)
class Taken:
    """Bytes at the peak of two steps, over those before the models, and bytes of the weights."""

    peak: int
    weights: int


def memory(engine: "Engine", sides: Sequence[int], cutouts: int) -> list[dict[str, Any]]:
    """Peak memory of both, each in a process that does nothing else."""
    print("\n### Memory\n")
    print("| side | cutouts | engine | its weights | baseline | its weights | of the baseline's |")
    print("|---|---|---|---|---|---|---|")
    rows = []
    for side in sides:
        ours, theirs = (
            _in_a_fresh_process(engine, of_engine, side, cutouts) for of_engine in (True, False)
        )
        print(
            f"| {side} | {cutouts} | {ours.peak / 1e9:.2f} GB | {ours.weights / 1e9:.2f} GB "
            f"| {theirs.peak / 1e9:.2f} GB | {theirs.weights / 1e9:.2f} GB "
            f"| {ours.peak / theirs.peak:.0%} |",
            flush=True,
        )
        rows.append({"side": side, "cutouts": cutouts})
        rows[-1] |= {"engine": asdict(ours), "baseline": asdict(theirs)}
    return rows


def _in_a_fresh_process(engine: "Engine", of_engine: bool, side: int, cutouts: int) -> Taken:
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(_take, engine, of_engine, side, cutouts).result()


def _take(engine: "Engine", of_engine: bool, side: int, cutouts: int) -> Taken:
    import torch

    from benchmarks.lib.architectures import paper_recipe
    from benchmarks.lib.baseline import Baseline, plain_pair
    from benchmarks.lib.machine import peak_memory, weigh
    from engine.vqgan_clip.generation import Generation

    device = torch.device(engine.device)
    recipe = paper_recipe(side, cutouts)
    before = peak_memory(device)
    if of_engine:
        models = engine.models()
        weights = weigh(models.generator, *models.perceptors)
        run = Generation(recipe, models, PLANS[engine.plan])
    else:
        plain = plain_pair(engine.device)
        weights = weigh(plain.vqgan, plain.clip)
        run = Baseline(recipe, plain)
    run.step()
    run.step()
    return Taken(peak_memory(device) - before, weights)


def gradients(engine: "Engine", sides: Sequence[int], cutouts: int) -> list[dict[str, Any]]:
    """The first step's gradient at the latent, of the same latent and the same cutouts."""
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
        losses = [found.loss for found in (ours, precise, theirs)]
        alike = {
            "float32": cosine(ours.gradient, precise.gradient),
            "baseline": cosine(ours.gradient, theirs.gradient),
            "float32 and baseline": cosine(precise.gradient, theirs.gradient),
        }
        print(
            f"| {side} | {cutouts} | {' | '.join(f'{c:.6f}' for c in alike.values())} "
            f"| {', '.join(f'{loss:.6f}' for loss in losses)} |",
            flush=True,
        )
        rows.append({"side": side, "cutouts": cutouts, "cosines": alike, "losses": losses})
    return rows


@dataclass(frozen=True)
class Found:
    """What a step came upon."""

    loss: float
    gradient: Any
    """An array of the latent's shape."""


def _of_engine(recipe: "Recipe", models: Any, plan: int) -> Found:
    from engine.vqgan_clip.generation import Generation

    run = Generation(recipe, models, PLANS[plan])
    run.step()
    return Found(run.loss, _array(run.latent.grad))


def _of_baseline(recipe: "Recipe", plain: Any, models: Any) -> Found:
    """With the latent that the engine starts from, and the cutouts that it takes of a picture."""
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
    return Found(run.step(), _array(run.latent.grad))


def _array(gradient: "torch.Tensor | None") -> Any:
    assert gradient is not None
    return gradient.float().cpu().numpy().copy()
