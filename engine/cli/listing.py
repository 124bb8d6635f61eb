"""What is there to know without painting: the recipe inside a picture, and the models."""

import json
import sys
from pathlib import Path

from engine.cli.messages import print_notice
from engine.models.catalogue import CATALOGUE, ModelEntry
from engine.painting import read_provenance


def print_recipe(path: Path) -> int:
    """Print the recipe in a file as JSON, whole, so that `imagine --recipe` reads it back."""
    origin = read_provenance(path)
    # JSON is UTF-8 wherever it is saved; any other encoding of the terminal gets ASCII alone.
    is_utf8 = sys.stdout.encoding.lower().replace("-", "") == "utf8"
    values = json.loads(origin.recipe.to_json())
    print(json.dumps(values, indent=2, ensure_ascii=not is_utf8))
    total = origin.recipe.total_steps
    if origin.steps < total:
        print_notice(
            f"note: the picture was stopped at step {origin.steps} of {total}; "
            "--recipe with the PNG file paints it as it is, --recipe with this JSON all steps"
        )
    return 0


def print_models() -> int:
    """Print what each pair of models is, does not know, weighs and paints by default."""
    print("\n\n".join(_described(entry) for entry in CATALOGUE.values()))
    return 0


def _described(entry: ModelEntry) -> str:
    files = ", ".join(map(_weighed, (entry.generator, *entry.perceptors)))
    shown = entry.side * entry.enlarge
    return (
        f"{entry.name}: {entry.description}\n"
        f"  limits  {entry.limits or 'not said'}\n"
        f"  files   {files}\n"
        f"  size    {entry.side}x{entry.side} pixels, shown as {shown}x{shown}\n"
        f"  preset  {entry.preset}"
    )


def _weighed(path: Path) -> str:
    if not path.is_file():
        return f"{path.name} (not here)"
    return f"{path.name} ({path.stat().st_size / 1e6:.1f} MB)"
