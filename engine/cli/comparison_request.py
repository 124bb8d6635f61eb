"""Make a request from the command line of `compare`: what to paint by whom. No torch in here."""

import argparse
import secrets
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from engine.cli.request import DRAWN_SEEDS, unknown_words_notice
from engine.comparison.prompts import TRIES, find_prompts
from engine.comparison.systems import System, check_seeds, default_painters, find_systems
from engine.errors import UsageError
from engine.files import check_output
from engine.models.catalogue import find_models
from engine.models.model_entry import ModelEntry
from engine.recipes.recipe import Recipe
from engine.settings import EngineSettings
from engine.text import Text


@dataclass(frozen=True)
class ComparisonRequest:
    """Everything that one call of `compare` asks for."""

    systems: tuple[System, ...]
    """The systems, the fastest first; one is VQGAN-CLIP."""
    models: ModelEntry
    """The models of VQGAN-CLIP."""
    prompts: tuple[str, ...]
    title: str
    """What stands above the sheet."""
    seed: int
    out: Path | None
    """Sheet to write; None to print a table of times instead."""
    force: bool
    """True to overwrite an existing file."""
    device: str
    threads: int
    precision: str
    notices: tuple[str | Text, ...]
    """Notices to print before painting."""

    @property
    def painters(self) -> tuple[str, ...]:
        """Names of the models of the other painters, the fastest first."""
        others = (each.models for each in self.systems if each.painter != Recipe.painter)
        return tuple(dict.fromkeys(others))

    def without(self, painters: Collection[str]) -> "ComparisonRequest":
        """Return the request without the painters that have some models."""
        kept = tuple(each for each in self.systems if each.models not in painters)
        return replace(self, systems=kept)

    @property
    def names_to_reserve(self) -> tuple[Path, ...]:
        """Files whose names no other program may take meanwhile."""
        return () if self.force or self.out is None else (self.out,)


def read_comparison(arguments: argparse.Namespace, settings: EngineSettings) -> ComparisonRequest:
    """Make a request from the command line.

    Raises:
        EngineError: An argument is not allowed.
    """
    if arguments.out is not None:
        check_output(arguments.out, suffixes=(".png",), force=arguments.force)
    entry = find_models(arguments.models or settings.models)
    systems = _systems(arguments, entry.name, settings)
    prompts, title = _prompts(arguments, entry)
    seed = secrets.randbelow(DRAWN_SEEDS) if arguments.seed is None else arguments.seed
    check_seeds(seed, systems)
    ours = next(each for each in systems if each.painter == Recipe.painter)
    read = [prompt for line in prompts for prompt in ours.recipe(line, seed).prompts]
    alone = "there is no other painter to compare with: name some by --painters, see models"
    notices = (
        entry.limits,
        unknown_words_notice(entry, read),
        alone if len(systems) == 1 else "",
    )
    return ComparisonRequest(
        systems=systems,
        models=entry,
        prompts=prompts,
        title=title,
        seed=seed,
        out=arguments.out,
        force=arguments.force,
        device=arguments.device or settings.main_device,
        threads=settings.threads,
        precision=settings.precision,
        notices=tuple(filter(None, notices)),
    )


def _systems(
    arguments: argparse.Namespace, models: str, settings: EngineSettings
) -> tuple[System, ...]:
    painters: tuple[str, ...] = arguments.painters or default_painters(models, settings)
    ours: dict[str, Any] = {"preset": arguments.preset, "steps": arguments.steps}
    given = {name: value for name, value in ours.items() if value is not None}
    runs: int | None = arguments.table
    tries = arguments.tries or TRIES
    return find_systems(models, painters, tries=runs or tries, our_tries=runs or 1, **given)


def _prompts(arguments: argparse.Namespace, entry: ModelEntry) -> tuple[tuple[str, ...], str]:
    """Return what to paint, and a title for it."""
    name: str | None = arguments.prompts
    if name is not None:
        if arguments.prompt is not None:
            raise UsageError("--prompts already names prompts: leave out PROMPT or --prompts")
        return find_prompts(name), f"Prompts of the paper: {name}"
    if arguments.prompt is None and arguments.table is None:
        raise UsageError(
            "a PROMPT is needed, or --prompts NAME: say in words what the pictures should show, or "
            "name a figure of the paper"
        )
    prompt = entry.examples[0] if arguments.prompt is None else arguments.prompt
    return (prompt,), prompt
