"""Painting what was requested: models loaded once, one picture after the other, files left."""

from engine.cli.growth import FrameRecorder
from engine.cli.messages import print_notice
from engine.cli.progress import StepBar
from engine.cli.request import PaintRequest, Work
from engine.cli.signals import StopSignals, exit_code
from engine.errors import DivergedError
from engine.files import quoted
from engine.models.devices import choose_device, set_threads
from engine.models.loading import Models, load_models
from engine.painting import finished_picture, save_painting
from engine.recipes.prompts import Prompt, shorten
from engine.vqgan_clip.generation import Generation
from engine.vqgan_clip.memory_estimate import choose_plan, free_budget, running_out_is_an_error
from engine.vqgan_clip.memory_plan import PLANS, Plan

DIVERGED = 1

_TAIL = 30
"""Characters of a prompt by which a person recognises where it was cut."""


def paint_request(request: PaintRequest, signals: StopSignals) -> int:
    """Paint all pictures of a request, or those until one diverges or a signal comes.

    Returns the exit code. Raises an `EngineError` if the machine cannot do it.
    """
    models, plan = _prepare(request)
    notices = _notices(request, models)
    if plan != PLANS[0]:
        notices.append(f"to fit into the memory that is free: {plan}")
    for notice in notices:
        print_notice(f"note: {notice}")
    count = len(request.works)
    with signals.held():
        for number, work in enumerate(request.works, 1):
            title = f"picture {number} of {count}" if count > 1 else ""
            with running_out_is_an_error(work.recipe):
                code = _paint(work, models, plan, signals, title)
            if code:
                return code
    return 0


def _prepare(request: PaintRequest) -> tuple[Models, Plan]:
    set_threads(request.threads)
    device = choose_device(request.device)
    budget = free_budget(request.models, device, request.precision)
    plan = choose_plan(request.works[0].recipe, request.models, budget)
    return load_models(request.models.name, str(device), request.precision), plan


def _notices(request: PaintRequest, models: Models) -> list[str]:
    notices = [request.models.limits, *request.notices]
    if request.digests and request.digests != models.digests:
        notices.append("the weights have changed since this was painted, the picture will differ")
    prompts = request.works[0].recipe.prompts
    unread = [_unread(prompt, models) for prompt in prompts]
    return [notice for notice in (*notices, *unread) if notice]


def _unread(prompt: Prompt, models: Models) -> str:
    """Say where the perceptor that reads least stops reading the prompt, or nothing."""
    read = min((each.truncate_to_context(prompt.text) for each in models.perceptors), key=len)
    if read == prompt.text:
        return ""
    return (
        f"CLIP reads only the beginning of {shorten(prompt.text)!r}: "
        f"everything after '…{read[-_TAIL:].strip()}' is ignored"
    )


def _paint(work: Work, models: Models, plan: Plan, signals: StopSignals, title: str) -> int:
    """Paint one picture, leave its files and return the exit code."""
    generation = Generation(work.recipe, models, plan)
    growth = FrameRecorder(work, models.digests)
    failure = _advance(generation, work, growth, signals, title)
    if generation.plan != plan:
        print_notice(f"note: memory ran out, so the run went on with less: {generation.plan}")
    _leave(generation, work, growth, models)
    if failure is not None:
        kept = quoted(work.outputs.picture)
        print_notice(f"error: {failure}; the last good picture is in {kept}")
        return DIVERGED
    return 0 if signals.received is None else exit_code(signals.received)


def _advance(
    generation: Generation, work: Work, growth: FrameRecorder, signals: StopSignals, title: str
) -> DivergedError | None:
    """Take the steps until all are taken, a signal came or the run diverged."""
    failure = None
    with StepBar(work.recipe, work.steps, title) as progress:
        growth.record(generation)
        try:
            while generation.steps_done < work.steps and signals.received is None:
                generation.step()
                progress.step(generation.loss)
                growth.record(generation)
        except DivergedError as error:
            failure = error
    progress.finish(generation.steps_done)
    return failure


def _leave(generation: Generation, work: Work, growth: FrameRecorder, models: Models) -> None:
    """Write the picture as it stands and the animation, and print the paths of all files."""
    outputs = work.outputs
    save_painting(
        finished_picture(generation),
        outputs.picture,
        work.recipe,
        models.digests,
        steps=generation.steps_done,
        force=outputs.force,
    )
    growth.write_animation(generation)
    for path in (*growth.written, outputs.picture):
        print(path, flush=True)
