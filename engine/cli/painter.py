"""Paint the pictures of a request one after the other, with models loaded once."""

from engine.cli.growth import FrameRecorder
from engine.cli.messages import print_notice
from engine.cli.progress import StepBar
from engine.cli.request import PaintRequest, PaintTask
from engine.cli.signals import StopSignals, exit_code
from engine.errors import DivergedError
from engine.files import quoted
from engine.models.devices import choose_device, set_threads
from engine.models.loading import Models, load_models
from engine.painting import finished_picture, save_painting
from engine.recipes.prompts import Prompt, shorten
from engine.vqgan_clip.generation import Generation
from engine.vqgan_clip.memory_estimate import choose_plan, free_budget, oom_as_recipe_error
from engine.vqgan_clip.memory_plan import PLANS, MemoryPlan

DIVERGED = 1

_TAIL = 30
"""Number of characters shown before the point where a prompt is cut off."""


def paint_request(request: PaintRequest, signals: StopSignals) -> int:
    """Paint all pictures of a request, until one diverges or a signal arrives.

    Returns:
        The exit code of the program.

    Raises:
        EngineError: The machine lacks the device or the memory, or a file cannot be written.
    """
    models, plan = _prepare(request)
    notices = _notices(request, models)
    if plan != PLANS[0]:
        notices.append(f"to fit into the free memory: {plan}")
    for notice in notices:
        print_notice(f"note: {notice}")
    count = len(request.tasks)
    with signals.held():
        for number, task in enumerate(request.tasks, 1):
            title = f"picture {number} of {count}" if count > 1 else ""
            with oom_as_recipe_error(task.recipe):
                code = _paint(task, models, plan, signals, title)
            if code:
                return code
    return 0


def _prepare(request: PaintRequest) -> tuple[Models, MemoryPlan]:
    set_threads(request.threads)
    device = choose_device(request.device)
    budget = free_budget(request.models, device, request.precision)
    plan = choose_plan(request.tasks[0].recipe, request.models, budget)
    return load_models(request.models.name, str(device), request.precision), plan


def _notices(request: PaintRequest, models: Models) -> list[str]:
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
    task: PaintTask, models: Models, plan: MemoryPlan, signals: StopSignals, title: str
) -> int:
    """Paint one picture, write its files and return the exit code."""
    generation = Generation(task.recipe, models, plan)
    recorder = FrameRecorder(task, models.digests)
    failure = _advance(generation, task, recorder, signals, title)
    if generation.plan != plan:
        print_notice(f"note: memory ran out, so the run continued with less: {generation.plan}")
    _write_outputs(generation, task, recorder, models)
    if failure is not None:
        path = quoted(task.outputs.picture)
        print_notice(f"error: {failure}; the last good picture is in {path}")
        return DIVERGED
    return 0 if signals.received is None else exit_code(signals.received)


def _advance(
    generation: Generation,
    task: PaintTask,
    recorder: FrameRecorder,
    signals: StopSignals,
    title: str,
) -> DivergedError | None:
    """Step until all steps are taken, a signal arrives or the run diverges."""
    failure = None
    with StepBar(task.recipe, task.steps, title) as bar:
        recorder.record(generation)
        try:
            while generation.steps_done < task.steps and signals.received is None:
                generation.step()
                bar.step(generation.loss)
                recorder.record(generation)
        except DivergedError as error:
            failure = error
    bar.finish(generation.steps_done)
    return failure


def _write_outputs(
    generation: Generation, task: PaintTask, recorder: FrameRecorder, models: Models
) -> None:
    """Write the current picture and the animation, and print the paths of all files."""
    outputs = task.outputs
    save_painting(
        finished_picture(generation),
        outputs.picture,
        task.recipe,
        models.digests,
        steps=generation.steps_done,
        force=outputs.force,
    )
    recorder.write_animation(generation)
    for path in (*recorder.written, outputs.picture):
        print(path, flush=True)
