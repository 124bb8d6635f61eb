"""Measure the quality and speed of each preset of the demo pair: right pictures per second.

    python -m benchmarks presets [--presets NAME ...] [--count N] [--sheets FOLDER] [--json FILE]
    python -m benchmarks presets --time [--presets NAME ...] [--json FILE]

All presets paint the same held-out prompts with the same seeds, and the judge says what is right.
The time of a picture is that of a step times the number of steps, on one thread; presets take steps
in turn in one process. `--time` is a separate measurement, because nothing else should run at the
same time. With the same `--json FILE`, the second of the two prints both.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import comb
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.lib.alternation import ENDLESS
from benchmarks.lib.held_out import Asked, held_out_prompts
from benchmarks.lib.machine import describe, seconds_of
from benchmarks.lib.statistics import Share
from engine.presets import PRESET_NAMES, make_recipe

if TYPE_CHECKING:
    import numpy as np

    from engine.recipes.recipe import Recipe

MODELS = "demo"
BESIDE = "paper"
"""Preset that the others are compared with."""
SHEET_COLUMNS = 8
"""Number of pictures of each preset on the contact sheet."""
WARM_UPS, ROUNDS, STEPS_A_ROUND = 3, 7, 5
"""Numbers of warm-up steps, of rounds, and of steps per round, for each preset that is timed."""


@dataclass(frozen=True)
class Painted:
    """Which pictures of a preset are right, in the order of the prompts."""

    right: Sequence[bool]
    """True for pictures in which everything is right."""
    shape: Sequence[bool]
    """True for pictures with the right shape."""
    clean: Sequence[bool]
    """True for pictures with one object and nothing else."""


@dataclass
class Row:
    """The results of a preset."""

    painted: Painted | None = None
    step_seconds: float | None = None


def main(arguments: Sequence[str]) -> None:
    """Paint and judge, or measure the time, and print all results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks presets", description=__doc__)
    parser.add_argument("--presets", nargs="+", choices=PRESET_NAMES, default=tuple(PRESET_NAMES))
    parser.add_argument("--count", type=int, default=48, help="prompts (default 48)")
    parser.add_argument("--time", action="store_true", help="measure the time instead")
    parser.add_argument("--threads", type=int, default=1, help="for --time (default 1)")
    parser.add_argument("--sheets", type=Path, help="folder for a contact sheet")
    parser.add_argument("--json", type=Path, help="file for all figures, read first if it exists")
    options = parser.parse_args(arguments)

    rows = _read(options.json)
    if options.time:
        import torch

        torch.set_num_threads(options.threads)
        print(describe("cpu", ["python", "-m", "benchmarks", "presets", *arguments]))
        for name, seconds in _step_seconds(options.presets).items():
            rows.setdefault(name, Row()).step_seconds = seconds
    else:
        _paint(options, rows)
    if options.json:
        values = {name: asdict(row) for name, row in rows.items()}
        options.json.write_text(json.dumps(values, indent=1) + "\n")
    print_table({name: rows[name] for name in PRESET_NAMES if name in rows})
    print_pairs({name: row.painted for name, row in rows.items() if row.painted})


def _read(path: Path | None) -> dict[str, Row]:
    if path is None or not path.exists():
        return {}
    values = json.loads(path.read_text())
    return {
        name: Row(row["painted"] and Painted(**row["painted"]), row["step_seconds"])
        for name, row in values.items()
    }


def _recipe(preset: str, asked: Asked) -> "Recipe":
    return make_recipe(asked.prompt, seed=asked.seed, models=MODELS, preset=preset)


def _paint(options: argparse.Namespace, rows: dict[str, Row]) -> None:
    """Add the results of painting to `rows`, and write a sheet with a row per preset."""
    from benchmarks.lib.painters import paint_all
    from benchmarks.quality import matches_of, write_sheet
    from engine.demo.judge import Judge

    asked, judge = held_out_prompts(options.count), Judge()
    shown: list[np.ndarray] = []
    for name in options.presets:
        pictures = paint_all([_recipe(name, each) for each in asked])
        matches = matches_of(judge, pictures, asked)
        rows.setdefault(name, Row()).painted = Painted(
            [match.all_right for match in matches],
            [match.shape for match in matches],
            [match.clean for match in matches],
        )
        shown += pictures[:SHEET_COLUMNS]
    if options.sheets:
        options.sheets.mkdir(parents=True, exist_ok=True)
        columns = min(SHEET_COLUMNS, len(asked))
        captions = [f"{name}: {a.prompt}" for name in options.presets for a in asked[:columns]]
        write_sheet(shown, captions, options.sheets / "presets.webp")


def _step_seconds(presets: Sequence[str]) -> dict[str, float]:
    """Return the median time of a step of each preset, from rounds in which they take turns."""
    import torch

    from engine.models.loading import load_models
    from engine.vqgan_clip.generation import Generation

    models, device = load_models(MODELS, "cpu"), torch.device("cpu")
    (asked,) = held_out_prompts(1)
    runs = {
        name: Generation(
            make_recipe(asked.prompt, seed=1, models=MODELS, preset=name, steps=ENDLESS), models
        )
        for name in presets
    }
    for run in runs.values():
        for _ in range(WARM_UPS):
            run.step()
    taken: dict[str, list[float]] = {name: [] for name in presets}
    for number in range(ROUNDS):
        order = list(runs) if number % 2 == 0 else list(reversed(runs))
        for name in order:
            step = runs[name].step
            taken[name] += [seconds_of(step, device) for _ in range(STEPS_A_ROUND)]
    return {name: median(times) for name, times in taken.items()}


def print_table(rows: Mapping[str, Row]) -> None:
    """Print a Markdown row for each preset, with empty cells for what was not measured."""
    seconds = {
        name: row.step_seconds * _recipe(name, _SOMETHING).total_steps
        for name, row in rows.items()
        if row.step_seconds is not None
    }
    print(
        f"\n| preset | steps | cutouts | all right | shape right | one clean object "
        f"| seconds per picture | right pictures per second | time relative to `{BESIDE}` |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for name, row in rows.items():
        recipe, painted, time = _recipe(name, _SOMETHING), row.painted, seconds.get(name)
        right = painted and _share(painted.right)
        cells = [
            f"`{name}`",
            str(recipe.steps),
            str(recipe.cutouts),
            str(right) if right else "",
            str(_share(painted.shape)) if painted else "",
            str(_share(painted.clean)) if painted else "",
            f"{time:.2f}" if time else "",
            f"{right.value / time:.4f}" if right and time else "",
            f"{time / seconds[BESIDE]:.3f}" if time and BESIDE in seconds else "",
        ]
        print(f"| {' | '.join(cells)} |")


def print_pairs(painted: Mapping[str, Painted]) -> None:
    """Print for each two presets how often only one of them is right on the same prompts."""
    names = list(painted)
    pairs = [(a, b) for index, a in enumerate(names) for b in names[index + 1 :]]
    if not pairs:
        return
    print("\n| same prompts | n | only the first right | only the second right | p (McNemar) |")
    print("|---|---|---|---|---|")
    for a, b in pairs:
        both = list(zip(painted[a].right, painted[b].right, strict=False))
        first, second = both.count((True, False)), both.count((False, True))
        print(f"| `{a}`, `{b}` | {len(both)} | {first} | {second} | {mcnemar(first, second):.2f} |")


def mcnemar(first: int, second: int) -> float:
    """Return the probability of such a difference if both are equally good (McNemar's test)."""
    total = first + second
    tail = sum(comb(total, k) for k in range(min(first, second) + 1)) / 2**total
    return min(1.0, 2 * tail)


def _share(right: Sequence[bool]) -> Share:
    return Share(sum(right), len(right))


_SOMETHING = held_out_prompts(1)[0]
"""A prompt for recipes of which only the settings matter."""
