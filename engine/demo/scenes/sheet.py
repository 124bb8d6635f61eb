"""`python -m engine.demo draw`: draw scenes of a sentence, or random ones, into a sheet."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from random import Random

from PIL import Image

from engine.demo.scenes.claims import Claim, describe
from engine.demo.scenes.completion import completed
from engine.demo.scenes.description import sample_description
from engine.demo.scenes.drawing import draw
from engine.demo.scenes.sentences import read, sentence
from engine.errors import UsageError
from engine.images.contact_sheet import contact_sheet
from engine.models.scene_vocabulary import SceneVocabulary

MOST_PICTURES = 400
"""Largest number of pictures on a sheet."""


def add_drawing(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "sentence", nargs="?", help="what to draw, such as “a red house in the snow at night” "
        "(default: scenes drawn at random, each with a sentence about it)"
    )  # fmt: skip
    parser.add_argument("--count", type=int, default=24, help="number of pictures (default 24)")
    parser.add_argument("--columns", type=int, default=6, help="pictures in a row (default 6)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plain", action="store_true", help="write no sentences below them")
    parser.add_argument("--out", type=Path, default=Path("scenes.png"), help="file of the sheet")
    parser.set_defaults(run=draw_sheet)


def draw_sheet(options: argparse.Namespace) -> None:
    """Draw the pictures, write the sheet, and print where it is.

    Raises:
        UsageError: A number is out of range, or the sentence says nothing that can be drawn.
    """
    if not 1 <= options.count <= MOST_PICTURES or not 1 <= options.columns <= MOST_PICTURES:
        raise UsageError("Ask for 1 to {most} pictures and columns.", most=MOST_PICTURES)
    pictures, captions = [], []
    for picture, caption in drawn(options.sentence, options.count, options.seed):
        pictures.append(picture)
        captions.append(caption)
    sheet = contact_sheet(
        pictures,
        columns=min(options.columns, len(pictures)),
        captions=None if options.plain else captions,
    )
    sheet.save(options.out)
    print(options.out)


def drawn(text: str | None, count: int, seed: int) -> Iterator[tuple[Image.Image, str]]:
    """Yield pictures of what a sentence says, or of random scenes, each with a sentence.

    Raises:
        UsageError: The sentence has unknown words, says nothing, or nothing that goes together.
    """
    random = Random(seed)
    claim = None if text is None else _claim_of(text)
    for _ in range(count):
        if claim is None:
            scene = sample_description(random)
            caption = sentence(describe(scene, random), random)
        else:
            scene, caption = completed(claim, random), text or ""
        yield Image.fromarray(draw(scene, random.getrandbits(32)).picture), caption


def _claim_of(text: str) -> Claim:
    unknown = SceneVocabulary().unknown_words(text)
    if unknown:
        raise UsageError("These words are not known: {words}.", words=", ".join(unknown))
    claim = read(text)
    if claim == Claim():
        raise UsageError("Say what to draw, such as “a red house in the snow at night”.")
    return claim
