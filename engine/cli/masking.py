"""Masks on the command line: find in a picture what a phrase names, and write where it is."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from engine.cli.messages import print_notice
from engine.editing.edit_recipe import dilate, read_source
from engine.errors import PictureError
from engine.files import check_output
from engine.images.png import save_png
from engine.models.catalogue import find_models
from engine.recipes.prompts import Prompt, shorten
from engine.settings import EngineSettings


@dataclass(frozen=True)
class Search:
    """What is looked for, everything checked that can be without torch."""

    picture: Image.Image
    phrase: str
    models: str
    device: str
    threads: int
    precision: str
    grow: float
    out: Path
    force: bool

    def run(self) -> int:
        """Look, write the mask, print its path; raises `PictureError` if nothing is found."""
        from engine.editing.text_masks import find_mask
        from engine.models.devices import set_threads
        from engine.models.loading import load_models

        set_threads(self.threads)
        models = load_models(self.models, self.device, self.precision)
        if limits := find_models(self.models).limits:
            print_notice(f"note: {limits}")
        found = find_mask(self.picture, self.phrase, models)
        if not found.found:
            raise PictureError(
                f"nothing in the picture looks like {shorten(self.phrase)!r}: say it in other "
                "words, or paint a mask by hand"
            )
        save_png(dilate(found.mask, self.grow), self.out, text={}, force=self.force)
        print(self.out, flush=True)
        return 0


def read_search(arguments: argparse.Namespace, settings: EngineSettings) -> Search:
    """Make a search of the command line; raises an `EngineError` for anything not allowed."""
    check_output(arguments.out, suffixes=(".png",), force=arguments.force)
    picture, notice = read_source(arguments.picture)
    if notice:
        print_notice(f"note: {notice}")
    models = arguments.models or settings.models
    find_models(models)
    return Search(
        picture=picture,
        phrase=Prompt(arguments.phrase).text,
        models=models,
        device=arguments.device or settings.device,
        threads=settings.threads,
        precision=settings.precision,
        grow=arguments.grow,
        out=arguments.out,
        force=arguments.force,
    )
