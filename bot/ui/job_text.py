"""What the bot's messages say. Discord's limits are kept here: 2000 characters of text, 1024 of
alt text, 100 of a thread's name.

A prompt is shown as it was typed and does nothing: no mention, no formatting, no link, no change
of the direction of what follows it.
"""

from collections.abc import Sequence
from datetime import datetime

from bot.config import LimitSettings
from bot.jobs.events import ProgressEvent
from bot.jobs.job import Job, JobState
from bot.jobs.records import JobRecord
from bot.ui.formatting import (
    _percent,
    _plain_text,
    _truncate,
    duration_text,
    escape_name,
    escape_prompt,
    relative_time,
    with_notice,
)
from engine.painting import Provenance
from engine.presets import infer_keep, preset_of
from engine.recipes.edit import Edit
from engine.recipes.prompts import Prompt
from engine.recipes.recipe import Recipe

_LISTED_PROMPTS, _LISTED_LENGTH = 5, 80
"""How many prompts of a recipe are told, and how many characters of each."""
_ALT_TEXT = 1024
_THREAD_NAME = 100
_KINDS = {
    "rerun": "painted again",
    "vary": "varied",
    "more": "with more steps",
    "go-on": "gone on with",
    "reword": "in other words",
}
"""What is said of a job that came from another."""
_BAR = 12
_THREAD_PLACEHOLDER = "picture"
MASK_ALT_TEXT = "The mask: white is painted anew, black stays as it is"
RELEVANCE_ALT_TEXT = "A map of the picture: the brighter, the more it looks like what was asked for"
NO_MASK = (
    "Upload a mask: a picture of the same shape, white where something shall change. Or say `what` "
    "shall change, and I look for it."
)
BEFORE_AFTER = "On the left the picture as it was, on the right as it is now"


def thread_name(prompt: str) -> str:
    """A prompt as the name of a thread."""
    return _truncate(_plain_text(prompt), _THREAD_NAME) or _THREAD_PLACEHOLDER


def alt_text(prompt: str) -> str:
    """What a picture of the prompt shows, for those who cannot see it."""
    return _truncate(f"A picture painted from the words: {_plain_text(prompt)}", _ALT_TEXT)


def headline(job: Job) -> str:
    """What a job is, for the message that stands for it in the channel."""
    variations = f" · {len(job.recipes)} variations" if len(job.recipes) > 1 else ""
    kind = f" · {_KINDS[job.kind]}" if job.kind in _KINDS else ""
    return f"**{escape_prompt(job.prompt)}** · <@{job.author_id}>{variations}{kind}"


def waiting_text(before: int, starts: datetime | None, done: datetime | None) -> str:
    """That a job waits, behind `before` others, and when its turn and its end come, if known."""
    if before == 0:
        text = "Next in line, about to start"
    else:
        place = "1 job is" if before == 1 else f"{before} jobs are"
        text = f"Waiting: {place} before this one"
        text += "" if starts is None else f" · starts {relative_time(starts)}"
    return text + ("" if done is None else f" · done {relative_time(done)}") + "."


def draft_text(share: float, replace_with: str | None) -> str:
    """What a draft's preview shows; `share` is how much of the picture changes."""
    words = "" if replace_with is None else f": {escape_prompt(replace_with)}"
    return (
        f"What is bright, {_percent(share)} of the picture, will be painted anew{words}\n"
        "-# Or draw on mask.png, white where something shall change, and send it back."
    )


def preview_alt_text(share: float) -> str:
    """What a draft's preview shows, for those who cannot see it."""
    return f"The picture, dark but for the {_percent(share)} of it that will be painted anew"


def not_found_text(what: str) -> str:
    """That nothing in a picture is what somebody named."""
    return (
        f"I couldn't find {escape_prompt(what)} in this picture. The map shows where it looks most "
        "like that: brighter is closer. You can upload a mask of your own."
    )


def progress_text(job: Job, event: ProgressEvent, done: datetime | None) -> str:
    """How far a job is, and when it will be done, if that is known."""
    steps = job.recipes[event.picture - 1].total_steps
    filled = round(_BAR * event.step / steps)
    bar = "▰" * filled + "▱" * (_BAR - filled)
    when = "" if done is None else f" · done {relative_time(done)}"
    return f"{bar} {step_text(job, event)}{when}"


def step_text(job: Job, event: ProgressEvent) -> str:
    """Which step of which picture a job has come to."""
    which = f"picture {event.picture} of {len(job.recipes)} · " if len(job.recipes) > 1 else ""
    return f"{which}step {event.step} of {job.recipes[event.picture - 1].total_steps}"


def result_text(record: JobRecord, steps: Sequence[int], size: tuple[int, int]) -> str:
    """The parameters of the pictures, of which the first has `size`, and how long they took.

    `steps` are those that were taken of each picture.
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
    ]
    return with_notice(f"{headline(job)}\n-# {' · '.join(parts)}", record.notice)


def _steps(record: JobRecord, steps: Sequence[int]) -> str:
    whole = record.job.recipes[0].total_steps
    if record.state is not JobState.STOPPED:
        return f"{whole} steps"
    missing = len(record.job.recipes) - len(steps)
    which = f" of picture {len(steps)}" if len(record.job.recipes) > 1 else ""
    lost = f", {missing} not begun" if missing else ""
    return f"stopped at step {steps[-1]} of {whole}{which}{lost}"


def provenance_text(origin: Provenance) -> str:
    """What a picture says about itself, most of which may be anybody's words."""
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
    """A prompt of a recipe on a line of its own."""
    weight = "" if prompt.weight == 1 else f" · weight {prompt.weight:g}"
    stop = "" if prompt.stop is None else f" · content at {prompt.stop:g}"
    return f"- {escape_prompt(prompt.text, _LISTED_LENGTH)}{weight}{stop}"


def _settings(recipe: Recipe) -> str:
    preset = preset_of(recipe)
    if preset is not None:
        return f"preset {preset}"
    return (
        f"settings of its own: {recipe.cutouts} cutouts, learning rate {recipe.learning_rate:g}, "
        f"regulariser {recipe.regularizer:g}, {recipe.quantization}"
    )


def _start(recipe: Recipe) -> list[str]:
    """What a recipe had beside words."""
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
    """What an edit had to start with: the picture, how much of it stays, and where."""
    keep = infer_keep(edit)
    return [
        "edited from a picture" + (f" of {size}" if size else ""),
        *([] if keep is None else [f"keeping {round(100 * keep)} %"]),
        *([] if edit.mask is None else ["only inside the mask"]),
    ]


def limits_text(settings: LimitSettings) -> str:
    """What one may ask for."""
    return (
        f"up to {settings.prompt_length} characters, {settings.steps} steps, "
        f"{settings.count} variations, {settings.jobs_per_person} jobs at a time, and "
        f"{settings.pictures_per_day} pictures a day"
    )
