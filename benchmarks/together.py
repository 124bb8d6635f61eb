"""Compare batched steps of several runs with steps of the same runs one after the other.

Throughput is steps of runs per second. Both are timed in alternation in one process. Each run has
its own seed and prompt.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.lib.alternation import ENDLESS, alternate
from benchmarks.lib.machine import describe, peak_memory, wait_for
from benchmarks.lib.statistics import cosine
from engine.vqgan_clip.memory_plan import PLANS

if TYPE_CHECKING:
    import numpy as np

    from engine.models.loading import Models
    from engine.recipes.recipe import Recipe
    from engine.vqgan_clip.generation import Generation

RUNS, ROUNDS = (1, 2, 4, 8), 5
PROMPTS = (
    "a red circle",
    "a blue star on a white background",
    "a green square",
    "a yellow ring",
    "a purple cross",
    "an orange triangle",
    "a black circle on a red background",
    "a white star",
)


def main(arguments: Sequence[str]) -> None:
    """Measure and print a table for each pair of models."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks together", description=__doc__)
    parser.add_argument("--runs", type=int, nargs="+", default=RUNS)
    parser.add_argument("--models", nargs="+", choices=("paper", "demo"), default=("paper", "demo"))
    parser.add_argument(
        "--side", type=int, default=256, help="side in pixels for the paper's pair (default 256)"
    )
    parser.add_argument(
        "--cutouts", type=int, default=32, help="cutouts for the paper's pair (default 32)"
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="auto", choices=("auto", "float32", "bfloat16"))
    parser.add_argument("--plan", type=int, default=0, choices=range(len(PLANS)))
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument(
        "--pictures",
        type=int,
        default=0,
        metavar="N",
        help="paint N prompts with the demo pair, alone and together, and compare them, instead",
    )
    parser.add_argument("--json", type=Path, help="file for all figures")
    options = parser.parse_args(arguments)
    _run(options, ["python", "-m", "benchmarks", "together", *arguments])


def _run(options: argparse.Namespace, command: Sequence[str]) -> None:
    header = describe(options.device, command)
    print(f"{header} The engine's plan: {PLANS[options.plan]}.", flush=True)
    if options.pictures:
        _compare_pictures(options.pictures, max(options.runs), options)
        return
    figures: dict[str, Any] = {"header": header}
    for name in options.models:
        models, recipe = _models_and_recipe(name, options)
        figures[name] = _throughput(models, recipe, options)
        if options.json:
            options.json.write_text(json.dumps(figures, indent=1) + "\n")


def _models_and_recipe(name: str, options: argparse.Namespace) -> "tuple[Models, Recipe]":
    from benchmarks.lib.architectures import paper_pair, paper_recipe
    from engine import load_models, make_recipe

    if name == "paper":
        models = paper_pair(options.device, precision=options.precision)
        return models, replace(paper_recipe(options.side, options.cutouts), steps=ENDLESS)
    models = load_models(name, options.device, options.precision)
    return models, make_recipe(PROMPTS[0], seed=1, steps=ENDLESS)


def _throughput(
    models: "Models", recipe: "Recipe", options: argparse.Namespace
) -> list[dict[str, Any]]:
    import torch

    from engine.vqgan_clip.batching import can_batch
    from engine.vqgan_clip.loop import step

    device = torch.device(options.device)
    print(
        f"\n### Batches: models {models.name}, {recipe.width}x{recipe.height}, "
        f"{recipe.cutouts} cutouts\n"
    )
    print(
        "| runs | in a batch, steps of runs per second | one after the other | ratio "
        "| one step of the batch, s | 1 - cosine of the gradients |"
    )
    print("|---|---|---|---|---|---|")
    rows = []
    for count in options.runs:
        together = _start(models, recipe, count, options.plan)
        in_turn = _start(models, recipe, count, options.plan)
        assert all(can_batch(together[0], run) for run in together)

        def all_at_once(runs: "Sequence[Generation]" = together) -> None:
            for failed in step(runs):
                if failed is not None:
                    raise failed

        def one_by_one(runs: "Sequence[Generation]" = in_turn) -> None:
            for run in runs:
                run.step()

        all_at_once()
        one_by_one()
        wait_for(device)
        apart = _apart(together, in_turn)
        compared = alternate(all_at_once, one_by_one, options.rounds, device)
        ours, theirs = median(compared.ours), median(compared.theirs)
        print(
            f"| {count} | {count / ours:.4g} | {count / theirs:.4g} | {compared.ratio} "
            f"| {ours:.4g} | {apart:.1e} |",
            flush=True,
        )
        rows.append({"runs": count, "together": count / ours, "in turn": count / theirs})
        rows[-1] |= asdict(compared) | {"ratio": median(compared.ratios), "apart": apart}
        rows[-1] |= {"peak memory so far": peak_memory(device)}
    print(
        "\nThe last column is the largest in the batch, of the first step in it and alone.",
        flush=True,
    )
    return rows


def _start(models: "Models", recipe: "Recipe", count: int, plan: int) -> "list[Generation]":
    from engine.recipes.prompts import parse_prompts
    from engine.vqgan_clip.generation import Generation

    return [
        Generation(
            replace(
                recipe,
                seed=number + 1,
                prompts=parse_prompts(PROMPTS[number % len(PROMPTS)]),
            ),
            models,
            PLANS[plan],
        )
        for number in range(count)
    ]


def _apart(together: "Sequence[Generation]", in_turn: "Sequence[Generation]") -> float:
    """Return the largest difference between gradients of the same run: 1 - cosine."""
    found = []
    for ours, theirs in zip(together, in_turn, strict=True):
        a, b = ours.latent.grad, theirs.latent.grad
        assert a is not None
        assert b is not None
        found.append(1 - cosine(a.float().cpu().numpy(), b.float().cpu().numpy()))
    return max(0.0, *found)


def _compare_pictures(count: int, at_once: int, options: argparse.Namespace) -> None:
    """Paint the same recipes alone and in batches of `at_once`, and print the differences."""
    import numpy as np

    from benchmarks.lib.held_out import held_out_prompts
    from benchmarks.lib.statistics import Share
    from engine import load_models, make_recipe
    from engine.demo.judge import Judge

    models = load_models("demo", options.device, options.precision)
    asked = held_out_prompts(count)
    recipes = [make_recipe(each.prompt, seed=each.seed) for each in asked]
    alone = [_painted([recipe], models)[0] for recipe in recipes]
    parts = [recipes[start : start + at_once] for start in range(0, count, at_once)]
    together = [picture for part in parts for picture in _painted(part, models)]
    pairs = list(zip(alone, together, strict=True))
    levels = [np.abs(a.astype(int) - b.astype(int)).mean() for a, b in pairs]
    judge = Judge()
    right = [
        [
            judge.verdict(picture).matches(each.color, each.shape, each.background).all_right
            for each, picture in zip(asked, pictures, strict=True)
        ]
        for pictures in (alone, together)
    ]
    print(f"\n| {count} pictures, alone and in batches of {at_once} | |\n|---|---|")
    print(f"| identical bytes | {sum(bool((a == b).all()) for a, b in pairs)} |")
    print(f"| mean difference in levels of 255, median picture | {np.median(levels):.1f} |")
    print(f"| ... of the picture that differs most | {max(levels):.1f} |")
    for name, each in zip(("alone", "in batches"), right, strict=True):
        print(f"| all right, {name} | {Share(sum(each), count)} |")
    both = sum(a == b for a, b in zip(*right, strict=True))
    print(f"| judged the same | {Share(both, count)} |")


def _painted(recipes: "Sequence[Recipe]", models: "Models") -> "list[np.ndarray]":
    """Return the finished pictures of runs that take all their steps in one batch."""
    import numpy as np

    from engine.painting import finished_picture
    from engine.vqgan_clip.generation import Generation
    from engine.vqgan_clip.loop import step

    runs = [Generation(recipe, models) for recipe in recipes]
    while not runs[0].done:
        for failed in step(runs):
            if failed is not None:
                raise failed
    return [np.asarray(finished_picture(run)) for run in runs]
