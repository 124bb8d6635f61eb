"""Paint the pictures of a request one after the other, with models loaded once.

Whatever ends a run, the picture so far is saved first, and reported afterwards.
"""

from pathlib import Path

from engine.cli.growth import FrameRecorder
from engine.cli.messages import print_notice
from engine.cli.progress import StepBar
from engine.cli.request import PaintRequest, PaintTask
from engine.cli.saving import NameReservations, Results
from engine.cli.signals import StopSignals, exit_code
from engine.errors import EngineError
from engine.files import quoted
from engine.models.devices import choose_device, set_threads
from engine.models.loading import Models, load_models
from engine.painting import finished_picture, save_painting
from engine.recipes.prompts import Prompt, shorten
from engine.text import Text
from engine.vqgan_clip.generation import Generation
from engine.vqgan_clip.memory_estimate import choose_plan, free_budget, oom_as_recipe_error
from engine.vqgan_clip.memory_plan import PLANS, MemoryPlan

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
    models, plan = _prepare(request)
    notices = _notices(request, models)
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
                ended = _paint(task, models, plan, signals, title, results)
            code = code or ended or results.exit_code
            if ended:
                return ended
    return code


def _prepare(request: PaintRequest) -> tuple[Models, MemoryPlan]:
    set_threads(request.threads)
    device = choose_device(request.device)
    budget = free_budget(request.models, device, request.precision)
    plan = choose_plan(request.tasks[0].recipe, request.models, budget)
    return load_models(request.models.name, str(device), request.precision), plan


def _notices(request: PaintRequest, models: Models) -> list[str | Text]:
    notices = [request.models.limits, *request.notices]
    if request.digests and request.digests != models.digests:
        notices.append("the weights have changed since then, so the picture will differ")
    prompts = request.tasks[0].recipe.prompts
    cut_off = [_cut_off_notice(prompt, models) for prompt in prompts]
    return [notice for notice in (*notices, *cut_off) if notice]


def _cut_off_notice(prompt: Prompt, models: Models) -> str:
    """Return a notice that says where the prompt is cut off, or "" if it is not."""
    read = min((each.truncate_to_context(prompt.text) for each in models.perceptors), key=len)
    if read == prompt.text:
        return ""
    return (
        f"CLIP reads only the beginning of {shorten(prompt.text)!r}: "
        f"everything after '…{read[-_TAIL:].strip()}' is ignored"
    )


def _paint(
    task: PaintTask,
    models: Models,
    plan: MemoryPlan,
    signals: StopSignals,
    title: str,
    results: Results,
) -> int:
    """Paint one picture and write its files; return an exit code other than 0 to end the run."""
    generation = Generation(task.recipe, models, plan)
    recorder = FrameRecorder(task, models.digests, results)
    with StepBar(task.recipe, task.steps, title) as bar:
        failure = _advance(generation, task, recorder, signals, bar)
    path = _write_outputs(generation, task, recorder, results)
    bar.finish(generation.steps_done)
    if generation.plan != plan:
        print_notice(f"note: memory ran out, so the run continued with less: {generation.plan}")
    results.print_paths()
    if isinstance(failure, EngineError):
        print_notice(f"error: {failure}; the last good picture is in {quoted(path)}")
        return ENDED_EARLY
    if failure is not None:
        raise failure
    if signals.received is None:
        return 0
    if generation.steps_done < task.recipe.total_steps:
        print_notice(f"note: to go on: imagine --recipe {quoted(path)} --finish --out FILE")
    return exit_code(signals.received)


def _advance(
    generation: Generation,
    task: PaintTask,
    recorder: FrameRecorder,
    signals: StopSignals,
    bar: StepBar,
) -> Exception | None:
    """Step until all steps are taken or a signal arrives, or return why that failed."""
    try:
        with oom_as_recipe_error(task.recipe):
            recorder.record(generation)
            while generation.steps_done < task.steps and signals.received is None:
                generation.step()
                bar.step(generation.loss)
                recorder.record(generation)
    except Exception as error:  # of any kind: the picture so far is saved before it is raised
        return error
    return None


def _write_outputs(
    generation: Generation, task: PaintTask, recorder: FrameRecorder, results: Results
) -> Path:
    """Write the current picture and then the animation; return the path of the picture."""
    picture, steps, outputs = finished_picture(generation), generation.steps_done, task.outputs

    def write(path: Path) -> None:
        digests, force = generation.models.digests, outputs.force and path == outputs.picture
        save_painting(picture, path, task.recipe, digests, steps=steps, force=force)

    path = results.save(outputs.picture, write)
    try:
        recorder.write_animation(generation)
    finally:
        results.paths.append(path)
    return path
