"""The command `mask`: find what a phrase names in a picture, and write it as a mask."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from engine.cli.messages import print_notice
from engine.cli.saving import NameReservations, Results
from engine.editing.edit_pictures import read_source
from engine.editing.edit_recipe import dilate
from engine.errors import PictureError
from engine.files import check_output
from engine.images.png import save_png
from engine.models.catalogue import find_models
from engine.recipes.prompts import Prompt, shorten
from engine.settings import EngineSettings


@dataclass(frozen=True)
class Search:
    """A search in a picture, with everything checked that does not need torch."""

    picture: Image.Image
    phrase: str
    """Text that names something in the picture."""
    models: str
    device: str
    threads: int
    precision: str
    grow: float
    """Margin around what is found, as a share of the picture's shorter side."""
    out: Path
    force: bool
    """True to overwrite an existing file."""

    def run(self) -> int:
        """Search, write the mask, print its path, and return the exit code.

        Raises:
            PictureError: Nothing is found, or the file cannot be written.
        """
        from engine.editing.text_masks import find_mask
        from engine.models.devices import set_threads
        from engine.models.loading import load_models

        set_threads(self.threads)
        models = load_models(self.models, self.device, self.precision)
        if limits := find_models(self.models).limits:
            print_notice(f"note: {limits}")
        result = find_mask(self.picture, self.phrase, models)
        if not result.found:
            raise PictureError(
                f"nothing in the picture looks like {shorten(self.phrase)!r}: try other words, or "
                "paint a mask by hand"
            )
        mask, results = dilate(result.mask, self.grow), Results(NameReservations())

        def write(path: Path) -> None:
            save_png(mask, path, text={}, force=self.force and path == self.out)

        results.paths.append(results.save(self.out, write))
        results.print_paths()
        return results.exit_code


def read_search(arguments: argparse.Namespace, settings: EngineSettings) -> Search:
    """Make a search from the command line.

    Raises:
        EngineError: An argument is not allowed.
    """
    check_output(arguments.out, suffixes=(".png",), force=arguments.force)
    picture, notices = read_source(arguments.picture)
    if notices:
        print_notice(f"note: {'; '.join(map(str, notices))}")
    models = arguments.models or settings.models
    find_models(models)
    return Search(
        picture=picture,
        phrase=Prompt(arguments.phrase).text,
        models=models,
        device=arguments.device or settings.main_device,
        threads=settings.threads,
        precision=settings.precision,
        grow=arguments.grow,
        out=arguments.out,
        force=arguments.force,
    )
