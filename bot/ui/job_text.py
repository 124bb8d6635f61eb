"""Texts of the bot's messages about jobs, drafts and recipes.

They stay within Discord's limits: 2000 characters of text, 1024 of alt text, 100 of a thread's
name. A prompt is escaped: it can't mention people, format text, add links or change the writing
direction of the text after it.
"""

from collections.abc import Sequence
from datetime import datetime

from bot.config import LimitSettings
from bot.jobs.events import ProgressEvent
from bot.jobs.job import Job, JobState
from bot.jobs.records import JobRecord
from bot.languages.message import Message, Sentence
from bot.ui.formatting import (
    duration_text,
    escape_name,
    escape_prompt,
    percent,
    plain_text,
    plural,
    relative_time,
    truncate,
)
from engine.painting import Provenance
from engine.presets import infer_keep, preset_of
from engine.recipes.edit import Edit
from engine.recipes.prompts import Prompt, parse_line
from engine.recipes.recipe import Recipe

_LISTED_PROMPTS, _LISTED_LENGTH = 5, 80
"""Maximum number of prompts shown of a recipe, and of characters of each."""
_ALT_TEXT, _THREAD_NAME = 1024, 100
"""Maximum lengths in characters."""
_KINDS = {
    "rerun": "rerun",
    "vary": "variation",
    "enlarge": "enlarged",
    "more": "more steps",
    "go-on": "resumed",
    "reword": "new prompt",
}
"""How a job came from another one, by the kind that is stored."""
_BAR = 12
"""Characters of a progress bar."""
_THREAD_PLACEHOLDER = "picture"
_HINT = "V1 varies picture 1, U1 posts it by itself"
"""What the buttons of several pictures do."""
MASK_ALT_TEXT = "The mask: white will be repainted, black stays as it is"
RELEVANCE_ALT_TEXT = "A map of the picture: brighter parts look more like what you asked for"
MASK_FILE = Message.in_context(
    "hint",
    "White changes, black stays. In a copy of the picture, what you erase or paint over changes",
)
"""How a mask may look, in the at most 100 characters of a description."""
NO_MASK = (
    "Upload a mask: a picture of the same shape, white where something should change, or a copy "
    "of the picture in which you erased it or painted over it. Or say `what` should change, and "
    "I'll look for it."
)
CANCELLED = "Cancelled."
BEFORE_AFTER = "Left: the picture before. Right: the picture now."


def thread_name(prompt: str) -> str:
    """Return the name of a prompt's thread."""
    return truncate(plain_text(prompt), _THREAD_NAME) or _THREAD_PLACEHOLDER


def alt_text(prompt: str, number: int = 1, total: int = 1) -> str:
    """Return the alt text of a picture of the prompt, the only one or one of several."""
    words = plain_text(prompt)
    if total == 1:
        return _alt_text(f"A picture painted from the prompt: {words}")
    return _alt_text(f"Picture {number} of {total} painted from the prompt: {words}")


def progress_alt_text(job: Job, event: ProgressEvent) -> str:
    """Return the alt text of a picture that is not finished yet."""
    words, steps = plain_text(job.prompt), job.recipes[event.picture - 1].total_steps
    at = f"after {event.step} of {steps} steps"
    if len(job.recipes) == 1:
        return _alt_text(f"An unfinished picture, {at}, painted from the prompt: {words}")
    which = f"Picture {event.picture} of {len(job.recipes)}, unfinished"
    return _alt_text(f"{which}, {at}, painted from the prompt: {words}")


def growth_alt_text(job: Job) -> str:
    """Return the alt text of a clip of how a job's pictures grew."""
    words = plain_text(job.prompt)
    if job.recipes[0].start == "image":
        return _alt_text(f"How it grew from another picture, painted from the prompt: {words}")
    return _alt_text(f"How it grew from random colours, painted from the prompt: {words}")


def _alt_text(text: str) -> str:
    return truncate(text, _ALT_TEXT)


def grid_alt_text(job: Job, pictures: int) -> str:
    """Return the alt text of a job's pictures on one sheet."""
    prompt = plain_text(job.prompt)
    text = f"{pictures} pictures with numbers, row by row, painted from the prompt: {prompt}"
    return truncate(text, _ALT_TEXT)


def headline(job: Job) -> str:
    """Return the headline of a job's message: prompt, requester and kind."""
    variations = f" · {len(job.recipes)} variations" if len(job.recipes) > 1 else ""
    kind = f" · {_KINDS[job.kind]}" if job.kind in _KINDS else ""
    return f"**{escape_prompt(job.prompt)}** · <@{job.author_id}>{variations}{kind}"


def reading_text(prompt: str, size: tuple[int, int] | None = None) -> str:
    """Return how a prompt with weights was read, or "".

    `size` is the width and height in pixels that the prompt's `--ar` chose, None if another rule
    did.
    """
    line = parse_line(prompt)
    told = [line.explanation(lambda text: escape_prompt(text, _LISTED_LENGTH))]
    if line.aspect is not None:
        ratio = f"the aspect ratio {line.aspect[0]}:{line.aspect[1]}"
        told.append(
            f"{ratio} was left out, because the shape of the picture is fixed"
            if size is None
            else f"{ratio} was read as the size {size[0]}×{size[1]}"
        )
    return " ".join(str(Sentence(each)) for each in told if each)


def waiting_text(before: int, starts: datetime | None, done: datetime | None) -> str:
    """Return the text of a job with `before` others ahead, with its start and end if known."""
    if before == 0:
        text = "Next in line, starting soon"
    else:
        text = f"Waiting behind {plural(before, 'job')}"
        text += "" if starts is None else f" · starts {relative_time(starts)}"
    return text + ("" if done is None else f" · done {relative_time(done)}") + "."


def draft_text(share: float, replace_with: str | None) -> str:
    """Return the text of a draft; `share` is the part of the picture that changes, 0 to 1."""
    words = "" if replace_with is None else f": {escape_prompt(replace_with)}"
    return (
        f"The bright part, {percent(share)} of the picture, will be repainted{words}\n"
        "-# Or draw on mask.png, white where something should change, and upload it."
    )


def preview_alt_text(share: float) -> str:
    """Return the alt text of a draft's preview."""
    return f"The picture, dark except for the {percent(share)} that will be repainted"


def not_found_text(what: str) -> str:
    """Return the text for a search that found nothing."""
    return (
        f"I couldn't find {escape_prompt(what)} in this picture. The map shows where it looks most "
        "like that: brighter is closer. You can upload your own mask."
    )


def progress_text(job: Job, event: ProgressEvent, done: datetime | None) -> str:
    """Return a job's progress, and when it will be done if that is known."""
    steps = job.recipes[event.picture - 1].total_steps
    filled = round(_BAR * event.step / steps)
    bar = "▰" * filled + "▱" * (_BAR - filled)
    when = "" if done is None else f" · done {relative_time(done)}"
    return f"{bar} {step_text(job, event)}{when}"


def step_text(job: Job, event: ProgressEvent) -> str:
    """Return the step, and the picture if there are several, that a job has reached."""
    which = f"picture {event.picture} of {len(job.recipes)} · " if len(job.recipes) > 1 else ""
    return f"{which}step {event.step} of {job.recipes[event.picture - 1].total_steps}"


def result_text(record: JobRecord, steps: Sequence[int], size: tuple[int, int]) -> str:
    """Return a result's headline and facts: its pictures' parameters, and how long they took.

    `steps` counts those taken for each picture, `size` is that of the first picture.
    """
    job = record.job
    first, recipes = job.recipes[0], job.recipes[: len(steps)]
    seeds = ", ".join(str(recipe.seed) for recipe in recipes)
    parts = [
        *(_sizes(first) if first.edit is None else _edit(first.edit, f"{size[0]}×{size[1]}")),
        _steps(record, steps),
        f"{'seed' if len(recipes) == 1 else 'seeds'} {seeds}",
        f"{first.models} models",
        *([] if record.seconds is None else [f"painted in {duration_text(record.seconds)}"]),
        *([_HINT] if len(recipes) > 1 else []),
    ]
    return f"{headline(job)}\n-# {' · '.join(parts)}"


def cancelled_text(job: Job) -> str:
    """Return the line about a job that was cancelled."""
    return f"{headline(job)} · cancelled"


def copy_text(job: Job, url: str) -> str:
    """Return the text of a copy of a job's pictures, which are posted at `url`."""
    return f"**{escape_prompt(job.prompt)}**\n-# A copy of {url}"


def ready_text(record: JobRecord, url: str) -> str:
    """Return the text that tells the author of a job, elsewhere, that it has ended at `url`."""
    prompt = escape_prompt(record.job.prompt, _LISTED_LENGTH)
    if record.state is JobState.FAILED:
        return f"I couldn't paint {prompt}: {url}"
    if len(record.job.recipes) == 1:
        return f"Your picture of {prompt} is ready: {url}"
    return f"Your {len(record.job.recipes)} pictures of {prompt} are ready: {url}"


def _steps(record: JobRecord, steps: Sequence[int]) -> str:
    whole = record.job.recipes[0].total_steps
    if record.state is not JobState.STOPPED:
        return f"{whole} steps"
    missing = len(record.job.recipes) - len(steps)
    which = f" of picture {len(steps)}" if len(record.job.recipes) > 1 else ""
    lost = f", {missing} not begun" if missing else ""
    return f"stopped at step {steps[-1]} of {whole}{which}{lost}"


def provenance_text(origin: Provenance) -> str:
    """Return the text of a picture's recipe, whose words may come from anyone."""
    recipe = origin.recipe
    left = len(recipe.prompts) - _LISTED_PROMPTS
    parts = [
        *_sizes(recipe),
        f"{recipe.total_steps} steps" + (f" in {len(recipe.rounds)} rounds" if recipe.more else ""),
        f"seed {recipe.seed}",
        f"{escape_name(recipe.models)} models",
        _settings(recipe),
    ]
    lines = [
        "**How this picture was made**",
        *map(_listed, recipe.prompts[:_LISTED_PROMPTS]),
        *([f"- and {left} more"] if left > 0 else []),
        " · ".join(parts),
        " · ".join(_start(recipe)),
    ]
    if origin.steps < recipe.total_steps:
        lines.append(f"It was stopped at step {origin.steps}.")
    return "\n".join(filter(None, lines))


def _listed(prompt: Prompt) -> str:
    """Return one prompt of a recipe as a list item."""
    weight = "" if prompt.weight == 1 else f" · weight {prompt.weight:g}"
    stop = "" if prompt.stop is None else f" · content at {prompt.stop:g}"
    return f"- {escape_prompt(prompt.text, _LISTED_LENGTH)}{weight}{stop}"


def _settings(recipe: Recipe) -> str:
    preset = preset_of(recipe)
    if preset is not None:
        return f"preset {preset}"
    return (
        f"custom settings: {recipe.cutouts} cutouts, learning rate {recipe.learning_rate:g}, "
        f"regulariser {recipe.regularizer:g}, {recipe.quantization}"
    )


def _start(recipe: Recipe) -> list[str]:
    """Return what a recipe had to start from besides its prompts."""
    start = [] if recipe.edit is None else _edit(recipe.edit)
    if recipe.init_image is not None:
        start.append("started from a picture")
    if recipe.start_noise > 0:
        start.append(f"with noise {recipe.start_noise:g} at the start")
    if recipe.image_prompts:
        pictures = len(recipe.image_prompts)
        start.append(f"resembling {pictures} picture{'s' * (pictures > 1)}")
    return start


def _sizes(recipe: Recipe) -> list[str]:
    shown = f", shown {recipe.enlarge}×" if recipe.enlarge > 1 else ""
    return [f"{recipe.width}×{recipe.height}{shown}"]


def _edit(edit: Edit, size: str = "") -> list[str]:
    """Return what an edit started from: the picture, how much of it stays, and where."""
    keep = infer_keep(edit)
    return [
        "edited from a picture" + (f" of {size}" if size else ""),
        *([] if keep is None else [f"keeping {round(100 * keep)} %"]),
        *([] if edit.mask is None else ["only inside the mask"]),
    ]


def limits_text(settings: LimitSettings) -> str:
    """Return the limits of a person's requests."""
    return (
        f"up to {settings.prompt_length} characters, {settings.steps} steps, "
        f"{settings.count} variations, {settings.jobs_per_person} jobs at a time, and "
        f"{settings.pictures_per_day} pictures a day"
    )
