"""The command `compare`: paint by several systems, and write a sheet or print a table of times."""

import json
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from engine.cli.comparison_request import ComparisonRequest
from engine.cli.messages import print_notice, print_result
from engine.cli.progress import StepBar
from engine.cli.saving import NameReservations, Results
from engine.cli.signals import Stopped, StopSignals, exit_code
from engine.comparison.compare import Comparison, Painted, compare, machine_name
from engine.comparison.paper_times import Measured, Timing, time_table
from engine.comparison.systems import System
from engine.images.comparison_sheet import SEPARATOR, SheetRow, comparison_sheet
from engine.images.png import save_png
from engine.models.devices import set_threads
from engine.provenance import DESCRIPTION_KEY
from engine.recipes.kinds import AnyRecipe

COMPARISON_KEY = "vqgan-clip-comparison"
"""Keyword of the PNG text chunk that tells in JSON how the pictures of a sheet were painted."""
_ENDED_EARLY = 1
"""Exit code if a system painted less than was asked for."""
_NOTHING = Image.new("RGB", (1, 1), "white")


def compare_request(
    request: ComparisonRequest, reservations: NameReservations, signals: StopSignals
) -> int:
    """Paint everything that a request asks for, until it is done or a signal arrives.

    Returns:
        The exit code of the program.

    Raises:
        EngineError: VQGAN-CLIP cannot be loaded, no system painted anything, or no place can be
            written.
        Stopped: A signal arrived before the first picture was done.
    """
    for notice in request.notices:
        print_notice(f"note: {notice}")
    set_threads(request.threads)
    with signals.held():
        comparison = compare(
            request.systems,
            request.prompts,
            seed=request.seed,
            device=request.device,
            precision=request.precision,
            progress=_Bars(request, signals),
        )
        for failure in comparison.failures:
            has_painted = comparison.of_system(failure.system)
            what = "did not paint everything" if has_painted else "is left out"
            print_notice(f"note: {failure.system.name} {what}: {failure.error}")
        if not comparison.painted:
            raise _why_nothing(comparison, signals)
        code = _report(request, comparison, reservations)
    if signals.received is not None:
        return exit_code(signals.received)
    return code or (_ENDED_EARLY if comparison.failures else 0)


class _Bars:
    """The progress of a comparison, as a bar for each picture."""

    def __init__(self, request: ComparisonRequest, signals: StopSignals) -> None:
        self._signals = signals
        self._begun = Counter[str]()
        self._prompts = len(request.prompts)

    @property
    def is_stopped(self) -> bool:
        """True once a signal asked to stop."""
        return self._signals.received is not None

    @contextmanager
    def painting(self, system: System, recipe: AnyRecipe) -> Generator[Callable[[], None]]:
        """Show a bar during the block, whose value takes a step."""
        self._begun[system.name] += 1
        number, count = self._begun[system.name], self._prompts * system.tries
        title = f"{system.name}, picture {number} of {count}" if count > 1 else system.name
        with StepBar(recipe, recipe.total_steps, title) as bar:
            yield lambda: bar.step(None)
            bar.finish(recipe.total_steps)


def _why_nothing(comparison: Comparison, signals: StopSignals) -> BaseException:
    if signals.received is not None:
        return Stopped(signals.received)
    return comparison.failures[0].error


def _report(
    request: ComparisonRequest, comparison: Comparison, reservations: NameReservations
) -> int:
    """Write the sheet or print the table; return an exit code."""
    machine = machine_name(request.device)
    if request.out is None:
        print_result(_table(request.systems, comparison, machine))
        return 0
    sheet = _sheet(request, comparison, machine)
    text = {DESCRIPTION_KEY: request.title, COMPARISON_KEY: _provenance(comparison)}
    results = Results(reservations)

    def write(path: Path) -> None:
        save_png(sheet, path, text=text, force=request.force and path == request.out)

    results.paths.append(results.save(request.out, write))
    results.print_paths()
    return results.exit_code


def _table(systems: Sequence[System], comparison: Comparison, machine: str) -> str:
    measured: list[Measured] = []
    for system in systems:
        found = comparison.of_system(system).values()
        if seconds := [each.seconds for painted in found for each in painted.tries]:
            measured.append(Measured(system.name, system.painter, Timing.of(seconds)))
    runs = max(len(painted.tries) for painted in comparison.painted)
    return (
        f"Seconds per picture, mean ± standard deviation\n\n{time_table(measured)}\n\n"
        f"here: {machine}; {runs} {'run' if runs == 1 else 'runs'} each, models loaded before\n"
        "K80, P100, V100: Table 1 of the paper, 10 runs each; training in hours on a V100"
    )


def _sheet(request: ComparisonRequest, comparison: Comparison, machine: str) -> Image.Image:
    """Return one prompt's sheet with all tries, or that of several with a column for each."""
    found = [(system, comparison.of_system(system)) for system in request.systems]
    rows = [
        _row(system, list(painted.values()), request.prompts)
        for system, painted in found
        if painted
    ]
    headings = request.prompts if len(request.prompts) > 1 else ()
    footer = list(_footer(request, [system for system, painted in found if painted], machine))
    return comparison_sheet(request.title, rows, footer, headings=headings)


def _row(system: System, painted: Sequence[Painted], prompts: Sequence[str]) -> SheetRow:
    tries = [each for one in painted for each in one.tries]
    seconds = Timing(sum(each.seconds for each in tries) / len(tries))
    steps = tries[0].recipe.total_steps
    picked = f"best of {system.tries}" if system.tries > 1 else "the first one"
    detail = SEPARATOR.join((f"{seconds} s", f"{steps} steps", picked))
    if len(prompts) == 1:
        chosen = painted[0].chosen if len(painted[0].tries) > 1 else None
        pictures = tuple(each.picture for each in painted[0].tries)
        return SheetRow(system.name, detail, pictures, chosen)
    best = {each.prompt: each.best.picture for each in painted}
    return SheetRow(system.name, detail, tuple(best.get(each, _NOTHING) for each in prompts))


def _footer(request: ComparisonRequest, systems: Sequence[System], machine: str) -> Iterator[str]:
    tries = max((each.tries for each in systems), default=1)
    if tries > 1:
        where = "Framed" if len(request.prompts) == 1 else "Shown"
        yield (
            f"{where}: the best of {tries} by CLIP similarity; the paper chose the best of five by "
            "hand. VQGAN-CLIP: the first one, as in the paper."
        )
    models = ", ".join(dict.fromkeys(system.models for system in systems))
    yield f"Seconds for one picture, models loaded before: {machine}."
    yield f"Models: {models}. Seeds from {request.seed} on."


def _provenance(comparison: Comparison) -> str:
    """Return how each picture was painted, as JSON."""
    pictures = [
        {
            "system": painted.system.name,
            "seconds": round(each.seconds, 3),
            "similarity": round(each.similarity, 4),
            "chosen": number == painted.chosen,
            "sha256": comparison.digests[painted.system.models],
            "recipe": json.loads(each.recipe.to_json()),
        }
        for painted in comparison.painted
        for number, each in enumerate(painted.tries)
    ]
    return json.dumps(pictures, ensure_ascii=False)
