"""Print the recipe inside a picture, and the list of models."""

import json
import sys
from pathlib import Path

from engine.cli.messages import print_notice, print_result
from engine.films import read_any_provenance
from engine.models.catalogue import CATALOGUE, PAINTERS
from engine.models.model_entry import ModelEntry
from engine.models.painter_entry import PainterEntry


def print_recipe(path: Path) -> int:
    """Print the complete recipe in a file as JSON, which `imagine --recipe` can read."""
    provenance = read_any_provenance(path)
    # JSON files are UTF-8, so output in another encoding is limited to ASCII.
    is_utf8 = sys.stdout.encoding.lower().replace("-", "") == "utf8"
    values = json.loads(provenance.recipe.to_json())
    print_result(json.dumps(values, indent=2, ensure_ascii=not is_utf8))
    if provenance.precision:
        print_notice(f"note: the picture was painted in {provenance.precision}")
    total = provenance.recipe.total_steps
    if provenance.steps < total and provenance.recipe.film is not None:
        print_notice(
            f"note: the film was stopped at step {provenance.steps} of {total}; "
            "animate --recipe paints all of it"
        )
    elif provenance.steps < total:
        print_notice(
            f"note: the picture was stopped at step {provenance.steps} of {total}; "
            "--recipe with the PNG file stops there again, and with --finish or with this JSON it "
            "takes all steps"
        )
    return 0


def print_models() -> int:
    """Print the description, limits, files and defaults of all models, of every painter."""
    pairs = map(_format_entry, CATALOGUE.values())
    print_result("\n\n".join((*pairs, *map(_format_painter, PAINTERS.values()))))
    return 0


def _format_entry(entry: ModelEntry) -> str:
    files = ", ".join(map(_format_file, (entry.generator, *entry.perceptors)))
    enlarged = entry.side * entry.enlarge
    return (
        f"{entry.name}: {entry.description}\n"
        f"  limits  {entry.limits or 'unknown'}\n"
        f"  try     {', '.join(map(repr, entry.examples))}\n"
        f"  files   {files}\n"
        f"  judge   {_format_file(entry.judge) if entry.judge else 'none: the guide judges'}\n"
        f"  size    {entry.side}x{entry.side} pixels, enlarged to {enlarged}x{enlarged}\n"
        f"  preset  {entry.preset}"
    )


def _format_painter(entry: PainterEntry) -> str:
    files = ", ".join(map(_format_file, entry.files.values()))
    enlarged = entry.side * entry.enlarge
    return (
        f"{entry.name}: {entry.description}\n"
        f"  limits  {entry.limits or 'unknown'}\n"
        f"  licence {entry.licence}\n"
        f"  try     {', '.join(map(repr, entry.examples))}\n"
        f"  files   {files}\n"
        f"  size    {entry.side}x{entry.side} pixels, enlarged to {enlarged}x{enlarged}\n"
        f"  painter {entry.painter}"
    )


def _format_file(path: Path) -> str:
    if not path.is_file():
        return f"{path.name} (not downloaded)"
    return f"{path.name} ({path.stat().st_size / 1e6:.1f} MB)"
