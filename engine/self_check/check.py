"""Check models: do their weights do what weights of that kind do?

No download can be trusted to be the right one because its name is right, and a wrong activation or
normalization raises no error: it paints worse. So the program draws pictures of which it knows what
they show, and asks the models.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from engine.errors import ModelError
from engine.models.catalogue import find_models, weights_path
from engine.models.clip import ClipPerceptor
from engine.models.demo_entries import DEMO_PIXELS
from engine.models.loading import Models, digest, load_clip, load_generator, read_config
from engine.self_check.generator import check_generator
from engine.self_check.known import known_answers
from engine.self_check.pair import check_pair
from engine.self_check.perceptor import check_perceptor
from engine.self_check.records import machine_name, read_record, record_path, write_record
from engine.self_check.results import PartResult
from engine.self_check.structure import check_structure
from engine.weights.registry import Registry
from engine.weights.registry_entries import DEMO
from engine.weights.settings import WeightsSettings

Tick = Callable[[], None]
"""Called between two parts of the work; an exception that it raises ends the check."""
SIDE = 256
"""Side in pixels of the drawings for a generator that is checked without models that name one."""

WITH_DEMO_CLIP = (DEMO, *(f"{DEMO}-{kind}" for kind in DEMO_PIXELS))
"""Models whose CLIP knows nothing but shapes."""


def check_models(
    models: Models,
    settings: WeightsSettings,
    *,
    again: bool = True,
    tick: Tick = lambda: None,
) -> tuple[PartResult, ...]:
    """Check loaded models: each part, and all together. Nothing else may use them meanwhile.

    Results are kept beside converted weights. Unless `again`, what was checked on this machine
    before is not checked once more.

    Raises:
        ModelError: the models are not in the catalogue any more.
    """
    entry = find_models(models.name)
    parts = _Parts(settings, models.device, _precision(models), again=again, tick=tick)
    side = min(SIDE, entry.side)
    results = [parts.generator(models.generator, entry.generator, side, models.name)]
    for path, perceptor in zip(entry.perceptors, models.perceptors, strict=True):
        if isinstance(perceptor, ClipPerceptor):
            results.append(parts.perceptor(perceptor, path, models.name))
    return *results, parts.pair(models, entry.generator, [each.digest for each in results])


def check_component(
    name: str,
    settings: WeightsSettings,
    device: torch.device,
    precision: torch.dtype,
    tick: Tick = lambda: None,
) -> PartResult:
    """Load and check one converted generator or perceptor of the registry.

    Raises:
        ModelError: its weights are missing or damaged.
    """
    path = weights_path(name, settings.folder)
    parts = _Parts(settings, device, precision, again=True, tick=tick)
    if name in settings.registry().generators:
        return parts.generator(load_generator(path, device, precision), path, SIDE, name)
    return parts.perceptor(load_clip(path, device, precision), path, name)


class _Parts:
    """Checks parts of models on one device, unless their results are kept."""

    def __init__(
        self,
        settings: WeightsSettings,
        device: torch.device,
        precision: torch.dtype,
        *,
        again: bool,
        tick: Tick,
    ) -> None:
        self._registry: Registry = settings.registry()
        self._folder = settings.folder
        self._machine = machine_name(device, precision)
        self._again = again
        self._tick = tick

    def generator(self, generator: Any, path: Path, side: int, models: str) -> PartResult:
        """Check a generator with weights at `path`."""
        sha256 = digest(path)

        def check() -> PartResult:
            return check_generator(
                path.stem,
                generator,
                sha256,
                side,
                known_answers(sha256),
                shapes_only=models == DEMO,
                tick=self._tick,
            )

        return self._once(path, path.stem, sha256, check)

    def perceptor(self, perceptor: ClipPerceptor, path: Path, models: str) -> PartResult:
        """Check a perceptor with weights at `path`, and its architecture."""
        sha256 = digest(path)

        def check() -> PartResult:
            found = check_perceptor(
                path.stem,
                perceptor,
                sha256,
                known_answers(sha256),
                shapes_only=models in WITH_DEMO_CLIP,
                tick=self._tick,
            )
            causes = dict.fromkeys((*self._structure(path), *found.causes))
            return found.with_causes(tuple(causes))

        return self._once(path, path.stem, sha256, check)

    def pair(self, models: Models, path: Path, digests: list[str]) -> PartResult:
        """Check that steps bring pictures nearer to prompts."""
        joined = "+".join(digests)
        return self._once(path, models.name, joined, lambda: check_pair(models, joined, self._tick))

    def _structure(self, path: Path) -> Iterator[Any]:
        entry = self._registry.perceptors.get(path.stem)
        if entry is not None and self._is_kept(path):
            mirrors = self._registry.files[entry.checkpoint].mirrors
            yield from check_structure(entry, mirrors, read_config(path))

    def _once(
        self, path: Path, name: str, sha256: str, check: Callable[[], PartResult]
    ) -> PartResult:
        """Return a result that is kept beside the weights at `path`, or make it."""
        kept = record_path(path, name)
        if not self._again and self._is_kept(path):
            result = read_record(kept, sha256, self._machine)
            if result is not None:
                return result
        self._tick()
        result = check()
        if self._is_kept(path):
            write_record(kept, result, self._machine)
        return result

    def _is_kept(self, path: Path) -> bool:
        """Return True for converted weights, and False for those that come with the program."""
        return path == weights_path(path.stem, self._folder)


def _precision(models: Models) -> torch.dtype:
    """Return the precision that the models compute in."""
    first: Any = models.perceptors[0]
    if not isinstance(first, ClipPerceptor):
        raise ModelError("the perceptors of {models} cannot be checked", models=repr(models.name))
    return torch.float32 if first.is_float32 else torch.bfloat16
