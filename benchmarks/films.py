"""What a film costs beside its steps, whether loops close, and whether memory stays flat.

The overhead is the processor time of everything between two frames (decoding the frame, moving the
camera, encoding what it sees) and of storing a frame as the bot does, relative to that of the
steps. A loop closes if its last frame and its first differ by few levels of 255 on average.
"""

import argparse
import resource
import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from benchmarks.lib.held_out import held_out_prompts
from benchmarks.lib.machine import describe
from engine.recipes.film import CAMERAS, Camera, Film
from engine.recipes.recipe import Recipe


def main(arguments: Sequence[str]) -> None:
    """Measure and print tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks films", description=__doc__)
    parser.add_argument("--side", type=int, default=128, help="pixels (default: 128)")
    parser.add_argument("--frames", type=int, default=48)
    parser.add_argument("--loops", type=int, default=20, help="loops to close (default: 20)")
    parser.add_argument("--long", type=int, default=0, help="frames of a film to measure memory")
    options = parser.parse_args(arguments)
    print(describe("cpu", ["python", "-m", "benchmarks", "films", *arguments]), flush=True)
    if options.frames:
        print_cost(options.side, options.frames)
    if options.loops:
        print_loops(options.loops)
    if options.long:
        print_memory(options.long)


def film_recipe(prompt: str, film: Film, side: int, seed: int) -> Recipe:
    """Return the recipe of a film by the demo pair."""
    from engine import make_recipe

    return replace(make_recipe(prompt, seed=seed, size=(side, side)), film=film)


def print_cost(side: int, frames: int) -> None:
    """Print the seconds of a film, and the share of what is no step."""
    import engine
    from bot.delivery.encoding import encode_film_frame
    from bot.worker.picture_progress import to_pixels
    from engine.vqgan_clip.generation import Generation

    models = engine.load_models("demo", "cpu", "float32")
    recipe = film_recipe("a red circle on a blue background", Film(frames=frames), side, 1)
    run, moving, storing = Generation(recipe, models), 0.0, 0.0
    assert run.filming is not None
    move = run.filming.move

    def timed(*values: object) -> object:
        nonlocal moving
        began = time.process_time()
        try:
            return move(*values)  # pyright: ignore[reportArgumentType]
        finally:
            moving += time.process_time() - began

    run.filming.move = timed  # pyright: ignore[reportAttributeAccessIssue]
    began, cpu, first = time.monotonic(), time.process_time(), 0.0
    while not run.done:
        run.step()
        if run.steps_done == recipe.steps:
            first = time.process_time() - cpu
        if recipe.frame_after(run.steps_done) is not None:
            before = time.process_time()
            encode_film_frame(to_pixels(run.image()))
            storing += time.process_time() - before
    total = time.process_time() - cpu
    steps = total - first - moving - storing
    share = (moving + storing) / steps
    print(
        "\n| frames | side | s | CPU s | of the picture | moving | storing | both, share of steps |"
    )
    print("|---|---|---|---|---|---|---|---|")
    print(
        f"| {frames} | {side} | {time.monotonic() - began:.1f} | {total:.1f} | {first:.1f} "
        f"| {moving:.2f} | {storing:.2f} | {100 * share:.1f} % |",
        flush=True,
    )


def print_loops(count: int) -> None:
    """Print how far the last frame of loops is from the first one."""
    import engine
    from engine.films import painted_frames

    models = engine.load_models("demo", "cpu", "float32")
    prompts = held_out_prompts(count)
    found: list[tuple[Camera, float, float]] = []
    for number, asked in enumerate(prompts):
        camera = CAMERAS[number % len(CAMERAS)]
        film = Film(frames=24, steps=2, camera=camera, speed=2.0, loop=True)
        recipe = replace(film_recipe(asked.prompt, film, 64, asked.seed), steps=40)
        frames = list(painted_frames(engine.Generation(recipe, models), lambda: True))
        steps = [_difference(a, b) for a, b in pairwise(frames)]
        found.append((camera, _difference(frames[-1], frames[0]), statistics.median(steps)))
    print(
        "\n| loops | last frame and first, in levels of 255, median | largest | within 2 "
        "| from frame to frame |"
    )
    print("|---|---|---|---|---|")
    ends = [each[1] for each in found]
    step = statistics.median(each[2] for each in found)
    print(
        f"| {count} | {statistics.median(ends):.2f} | {max(ends):.2f} "
        f"| {sum(each <= 2 for each in ends)}/{count} | {step:.2f} |",
        flush=True,
    )


def print_memory(frames: int) -> None:
    """Print the peak memory of the process after parts of a long film."""
    import engine
    from engine.films import painted_frames

    models = engine.load_models("demo", "cpu", "float32")
    film = Film(frames=frames, steps=1)
    recipe = replace(film_recipe("a red circle on a blue background", film, 64, 1), steps=5)
    print("\n| frames | peak memory, MB |\n|---|---|")
    run = engine.Generation(recipe, models)
    for number, _ in enumerate(painted_frames(run, lambda: True), 1):
        if number in (50, frames):
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(f"| {number} | {peak:.0f} |", flush=True)


def _difference(first: object, second: object) -> float:
    import numpy as np

    a, b = (np.asarray(each, dtype=np.float64) for each in (first, second))
    return float(np.abs(a - b).mean())
