"""Paint the pictures of a request one after the other, with models loaded once.

Whatever ends a run, the picture so far is saved first, and reported afterwards.
"""

from collections.abc import Mapping
from pathlib import Path

from PIL import Image

from engine.cli.choosing import Contest
from engine.cli.growth import FrameRecorder
from engine.cli.messages import print_notice
from engine.cli.progress import StepBar
from engine.cli.request import PaintRequest, PaintTask
from engine.cli.saving import NameReservations, Results
from engine.cli.signals import StopSignals, exit_code
from engine.errors import EngineError
from engine.files import atomic_write, quoted
from engine.images.png import save_png
from engine.images.tiling import repeated
from engine.models.devices import choose_device, set_measured_threads
from engine.models.memory import free_budget
from engine.models.model_entry import ModelEntry
from engine.models.painter import Painter, Run
from engine.models.painter_entry import PainterEntry
from engine.painters import accelerated, begin, choose_plan, load_painter, plan_of
from engine.painting import finished_picture, svg_of_run
from engine.recipes.kinds import AnyRecipe, tile_of_recipe
from engine.recipes.prompts import Prompt, shorten
from engine.settings import EngineSettings
from engine.text import Text
from engine.vqgan_clip.generation import Generation
from engine.vqgan_clip.memory_estimate import oom_as_recipe_error
from engine.vqgan_clip.memory_plan import PLANS, MemoryPlan
from engine.vqgan_clip.painter import VqganClip

ENDED_EARLY = 1
"""Exit code of a run that diverged or ran out of memory."""

_TAIL = 30
"""Number of characters shown before the point where a prompt is cut off."""


def paint_request(
    request: PaintRequest, reservations: NameReservations, signals: StopSignals
) -> int:
    """Paint all pictures of a request, until one ends early or a signal arrives.

    Returns:
        The exit code of the program.

    Raises:
        EngineError: The machine lacks the device or the memory, or no place can be written.
    """
    painter, plan = prepare(request.tasks[0].recipe, request.models, request.settings)
    contest = None
    if request.best is not None and isinstance(painter, VqganClip):
        contest = Contest(painter.models.judge)
    notices = _notices(request, painter)
    if plan != PLANS[0]:
        notices.append(f"to fit into the free memory: {plan}")
    for notice in notices:
        print_notice(f"note: {notice}")
    count, code = len(request.tasks), 0
    with signals.held():
        for number, task in enumerate(request.tasks, 1):
            results = Results(reservations)
            title = f"picture {number} of {count}" if count > 1 else ""
            with oom_as_recipe_error(task.recipe):
                ended = _paint(task, painter, plan, signals, title, results, contest)
            code = ended or code or results.exit_code
            if ended:
                break
        if contest is not None and request.best is not None:
            saved = contest.save(request.best, reservations)
            code = code or saved
    return code


def prepare(
    recipe: AnyRecipe, models: ModelEntry | PainterEntry, settings: EngineSettings
) -> tuple[Painter, MemoryPlan]:
    """Load the models of a recipe; return what paints it, and how it saves memory.

    Raises:
        EngineError: The machine lacks the device or the memory.
    """
    device = choose_device(settings.main_device)
    set_measured_threads(settings.threads, device, settings.precision, [models])
    plan = choose_plan(recipe, free_budget(models, device, settings.precision))
    painter = load_painter(models.name, str(device), settings.precision)
    return accelerated(painter, settings), plan


def _notices(request: PaintRequest, painter: Painter) -> list[str | Text]:
    notices = [request.models.limits, *request.notices]
    notices += origin_notices(request.digests, request.painted_in, painter)
    prompts = request.tasks[0].recipe.prompts if isinstance(painter, VqganClip) else ()
    cut_off = [_cut_off_notice(prompt, painter) for prompt in prompts]
    return [notice for notice in (*notices, *cut_off) if notice]


def origin_notices(digests: Mapping[str, str], painted_in: str, painter: Painter) -> list[str]:
    """Return what makes a recipe's picture or film differ from the one that it was read from."""
    if digests and digests != painter.digests:
        return ["the weights have changed since then, so the picture will differ"]
    if painted_in not in ("", painter.precision):
        return [
            f"the picture was painted in {painted_in}, and in {painter.precision} it will differ: "
            f'set `precision = "{painted_in}"` in config.toml'
        ]
    return []


def _cut_off_notice(prompt: Prompt, painter: Painter) -> str:
    """Return a notice that says where the prompt is cut off, or "" if it is not."""
    if not isinstance(painter, VqganClip):
        return ""
    perceptors = painter.models.perceptors
    read = min((each.truncate_to_context(prompt.text) for each in perceptors), key=len)
    if read == prompt.text:
        return ""
    return (
        f"CLIP reads only the beginning of {shorten(prompt.text)!r}: "
        f"everything after '…{read[-_TAIL:].strip()}' is ignored"
    )


def _paint(
    task: PaintTask,
    painter: Painter,
    plan: MemoryPlan,
    signals: StopSignals,
    title: str,
    results: Results,
    contest: Contest | None,
) -> int:
    """Paint one picture and write its files; return an exit code other than 0 to end the run."""
    run = begin(painter, task.recipe, plan)
    recorder = FrameRecorder(task, painter, results)
    with StepBar(task.recipe, task.steps, title) as bar:
        failure = _advance(run, task, recorder, signals, bar)
    path = _write_outputs(run, task, recorder, results)
    if contest is not None:
        contest.add(run, path)
    bar.finish(run.steps_done)
    if plan_of(run) != plan:
        print_notice(f"note: memory ran out, so the run continued with less: {plan_of(run)}")
    results.print_paths()
    if isinstance(failure, EngineError):
        print_notice(f"error: {failure}; the last good picture is in {quoted(path)}")
        return ENDED_EARLY
    if failure is not None:
        raise failure
    if signals.received is None:
        return 0
    if run.steps_done < task.recipe.total_steps:
        print_notice(f"note: to go on: imagine --recipe {quoted(path)} --finish --out FILE")
    return exit_code(signals.received)


def _advance(
    run: Run,
    task: PaintTask,
    recorder: FrameRecorder,
    signals: StopSignals,
    bar: StepBar,
) -> Exception | None:
    """Step until all steps are taken or a signal arrives, or return why that failed."""
    read_loss = (lambda: run.loss) if isinstance(run, Generation) else None
    try:
        with oom_as_recipe_error(task.recipe):
            recorder.record(run)
            while run.steps_done < task.steps and signals.received is None:
                run.step()
                bar.step(read_loss)
                recorder.record(run)
    except Exception as error:  # of any kind: the picture so far is saved before it is raised
        return error
    return None


def _write_outputs(run: Run, task: PaintTask, recorder: FrameRecorder, results: Results) -> Path:
    """Write the current picture and then the animation; return the path of the picture."""
    picture, steps, outputs = finished_picture(run), run.steps_done, task.outputs
    drawing = svg_of_run(run)

    def write(path: Path) -> None:
        force = outputs.force and path == outputs.picture
        recorder.save(picture, path, steps=steps, drawing=drawing, force=force)

    def write_svg(path: Path) -> None:
        with atomic_write(path, force=outputs.force and path == outputs.svg) as part:
            part.write_text(drawing, encoding="utf-8")

    path = results.save(outputs.picture, write)
    try:
        recorder.write_animation(run)
        if outputs.svg is not None:
            results.paths.append(results.save(outputs.svg, write_svg))
        _write_preview(picture, task, results)
    finally:
        results.paths.append(path)
    return path


def _write_preview(picture: Image.Image, task: PaintTask, results: Results) -> None:
    """Write copies of a tile side by side if the task asks for them."""
    wanted = task.outputs.preview
    if wanted is None:
        return
    copies = repeated(picture, tile_of_recipe(task.recipe))

    def write(path: Path) -> None:
        save_png(copies, path, text={}, force=task.outputs.force and path == wanted)

    results.paths.append(results.save(wanted, write))
