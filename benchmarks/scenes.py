"""Measure how often the judge of the drawn scenes errs: on true pictures, and on those of others.

    python -m benchmarks scenes [--count N] [--seed S]

Pictures are drawn, not painted by a model. For each part of a claim the table says how often the
judge accepts it of a picture of which it is true, of such a picture spoiled as a VQGAN spoils it,
and of a picture of another scene of which it is false. Pictures that show nothing are controls.
"""

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from random import Random
from time import process_time

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.lib.statistics import Share
from engine.demo.scenes.canvas import SIDE, Pixels
from engine.demo.scenes.claims import Claim, describe_fully
from engine.demo.scenes.description import Description, sample_description
from engine.demo.scenes.drawing import draw
from engine.demo.scenes.judge import Judge, Look
from engine.demo.scenes.judge_structure import structure_kept
from engine.demo.scenes.spoiling import spoiled
from engine.demo.scenes.table import KINDS, MEDIA

_CONTROLS = 200
Counts = Counter[tuple[str, str, bool]]
"""How often a part was accepted or not, by the part and the column."""
COLUMNS = ("true", "spoiled", "others")


def main(arguments: Sequence[str]) -> None:
    """Draw, judge, and print tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks scenes", description=__doc__)
    parser.add_argument("--count", type=int, default=1500, help="scenes (default 1500)")
    parser.add_argument("--seed", type=int, default=501, help="another one than the fit's")
    options = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    judge = Judge()
    started = process_time()
    counts, by_kind, by_medium = judged(judge, options.count, options.seed)
    print("| claim | true pictures | slightly spoiled | pictures of other scenes |")
    print("|---|---|---|---|")
    for part in dict.fromkeys(part for part, _, _ in counts):
        cells = (_share(counts, part, column) for column in COLUMNS)
        print(f"| {part} | {' | '.join(map(str, cells))} |")
    for title, parts in (("thing, present", by_kind), ("medium, all right", by_medium)):
        print(f"\n| {title} | true or spoiled pictures | pictures of other scenes |")
        print("|---|---|---|")
        for part in sorted({part for part, _, _ in parts}):
            print(f"| {part} | {_share(parts, part, 'true')} | {_share(parts, part, 'others')} |")
    print("\n| control | share |\n|---|---|")
    for name, share in controls(judge, options.seed):
        print(f"| {name} | {share} |")
    print(f"\n{structure_line(options.seed)}")
    print(f"{process_time() - started:.0f} s of processor time")


def judged(judge: Judge, count: int, seed: int) -> tuple[Counts, Counts, Counts]:
    """Return counts of all parts, of each kind's presence, and of each medium."""
    random, numbers = Random(seed), np.random.default_rng(seed)
    counts, by_kind, by_medium = Counter(), Counter(), Counter()
    scenes = [sample_description(random, held_out=number % 8 == 0) for number in range(count)]
    for number, scene in enumerate(scenes):
        picture = draw(scene, random.getrandbits(32)).picture
        other = scenes[(number + 1) % count]
        for column, pixels in (("true", picture), ("spoiled", spoiled(picture, numbers))):
            look = judge.look(pixels)
            for part, accepted in _accepted(look, scene):
                counts[part, column, accepted] += 1
            for thing in scene.things:
                by_kind[thing.kind, "true", look.thing(thing.kind) is not None] += 1
            by_medium[scene.medium, "true", look.matches(describe_fully(scene)).all_right] += 1
            for part, accepted in _wrongly(look, scene, other):
                counts[part, "others", accepted] += 1
            if not describe_fully(other).holds(scene):
                by_medium[
                    other.medium, "others", look.matches(describe_fully(other)).all_right
                ] += 1
            for kind in KINDS:
                if all(thing.kind != kind for thing in scene.things):
                    by_kind[kind, "others", look.thing(kind) is not None] += 1
    return counts, by_kind, by_medium


def _accepted(look: Look, scene: Description) -> Iterator[tuple[str, bool]]:
    """Yield if each part of a true claim is accepted."""
    match = look.matches(describe_fully(scene))
    yield "medium", match.medium
    yield "sky", match.sky
    yield "ground", match.ground
    for thing in scene.things:
        seen = look.thing(thing.kind)
        yield "a thing is there", seen is not None
        if MEDIA[scene.medium].colored and thing.kind != "sun":
            yield "... and has its color", seen is not None and seen.color == thing.color
        yield "... and is in its place", seen is not None and seen.place == thing.place
        yield "... and has its size", seen is not None and seen.size == thing.size
    if scene.relation:
        yield "relation of two things", match.relation
    yield "all that can be said", match.all_right


def _wrongly(look: Look, scene: Description, other: Description) -> Iterator[tuple[str, bool]]:
    """Yield if each false part of another scene's claim is accepted."""
    for part in ("medium", "sky", "ground"):
        said = getattr(other, part)
        if said != getattr(scene, part):
            yield part, getattr(look, part) == said
    kinds = {thing.kind: thing for thing in scene.things}
    for thing in other.things:
        if thing.kind not in kinds:
            yield "a thing is there", look.thing(thing.kind) is not None
    for thing in scene.things:
        seen, kind = look.thing(thing.kind), KINDS[thing.kind]
        if seen is None:
            continue
        if MEDIA[scene.medium].colored and thing.kind != "sun":
            for color in kind.colors:
                if color != thing.color:
                    yield "... and has its color", seen.color == color
        for place in ("left", "middle", "right"):
            if place != thing.place:
                yield "... and is in its place", seen.place == place
        for size in ("small", "medium", "large"):
            if size != thing.size:
                yield "... and has its size", seen.size == size
    if scene.relation:
        claim = describe_fully(scene)
        for relation in ("beside", "above", "in front of"):
            if relation != scene.relation:
                wrong = Claim(things=claim.things, relation=relation)
                yield "relation of two things", look.matches(wrong).relation
    claim = describe_fully(other)
    if not claim.holds(scene):
        yield "all that can be said", look.matches(claim).all_right


def controls(judge: Judge, seed: int) -> Iterator[tuple[str, Share]]:
    """Yield how often something is seen in pictures that show nothing."""
    random, numbers = Random(seed + 1), np.random.default_rng(seed + 1)
    true = [draw(sample_description(random), number).picture for number in range(_CONTROLS)]
    kinds: dict[str, list[Pixels]] = {
        "noise": [_noise(numbers, SIDE) for _ in true],
        "smooth noise": [_noise(numbers, 8) for _ in true],
        "one color": [
            np.full((SIDE, SIDE, 3), numbers.integers(0, 256, 3), np.uint8) for _ in true
        ],
        "true pictures in 64 shuffled parts": [_shuffled(each, numbers) for each in true],
        "true pictures upside down": [np.ascontiguousarray(each[::-1]) for each in true],
    }
    for name, pictures in kinds.items():
        looks = [judge.look(each) for each in pictures]
        seen = [any(look.thing(kind) is not None for kind in KINDS) for look in looks]
        yield (
            f"{name}: like a picture of the world",
            Share(sum(look.medium is not None for look in looks), len(looks)),
        )
        yield f"{name}: some thing is seen", Share(sum(seen), len(seen))


def structure_line(seed: int) -> str:
    """Say how much structure is kept by spoiling, and by another picture."""
    random, numbers = Random(seed + 2), np.random.default_rng(seed + 2)
    true = [draw(sample_description(random), number).picture for number in range(_CONTROLS)]
    own = [structure_kept(each, spoiled(each, numbers)) for each in true]
    others = [structure_kept(each, true[number - 1]) for number, each in enumerate(true)]
    return (
        f"structure kept: spoiled pictures {np.mean(own):.3f} (lowest {min(own):.3f}), "
        f"other pictures {np.mean(others):.3f} (highest {max(others):.3f})"
    )


def _noise(numbers: np.random.Generator, side: int) -> Pixels:
    noise: NDArray[np.uint8] = numbers.integers(0, 256, (side, side, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(noise, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC), np.uint8)


def _shuffled(pixels: Pixels, numbers: np.random.Generator) -> Pixels:
    parts = pixels.reshape(8, 16, 8, 16, 3).swapaxes(1, 2).reshape(64, 16, 16, 3)
    mixed = parts[numbers.permutation(64)].reshape(8, 8, 16, 16, 3)
    return np.ascontiguousarray(mixed.swapaxes(1, 2).reshape(SIDE, SIDE, 3))


def _share(counts: Counts, part: str, column: str) -> Share | str:
    hits, misses = counts[part, column, True], counts[part, column, False]
    return Share(hits, hits + misses) if hits + misses else "–"
