"""What the bot's messages say. Discord's limits are kept here: 2000 characters of text, 1024 of
alt text, 100 of a thread's name.

A prompt is shown as it was typed and does nothing: no mention, no formatting, no link, no change
of the direction of what follows it.
"""

import re
import unicodedata

from bot.jobs import Finished, Job, Progress
from bot.settings import LimitSettings
from engine.edits import Edit
from engine.painting import Origin
from engine.presets import keep_of, preset_of
from engine.prompts import Prompt
from engine.recipe import Recipe

_SHOWN_PROMPT = 300
"""Characters of a prompt in a message; the whole one is in the picture's recipe."""
_LISTED_PROMPTS, _LISTED_LENGTH = 5, 80
"""How many prompts of a recipe are told, and how many characters of each."""
_NAME = 40
"""Characters of a name that may be anybody's."""
_ALT_TEXT = 1024
_THREAD_NAME = 100
_BAR = 12
_ACTIVE = re.compile(r"([\\`*_~|<>\[\]()#:@/\-+=])")
"""What Discord's markdown, mentions and links begin or end with."""
_ISOLATE, _END_ISOLATE = "\u2068", "\u2069"
"""Unicode's first strong isolate: text inside does not turn the text around it."""
_THREAD_PLACEHOLDER = "picture"
MASK_ALT_TEXT = "The mask: white is painted anew, black stays as it is"
RELEVANCE_ALT_TEXT = "A map of the picture: the brighter, the more it looks like what was asked for"
NO_MASK = (
    "Upload a mask: a picture of the same shape, white where something shall change. Or say `what` "
    "shall change, and I look for it."
)
BEFORE_AFTER = "On the left the picture as it was, on the right as it is now"


def shown(prompt: str, length: int = _SHOWN_PROMPT) -> str:
    """A prompt, or any words of somebody else's, for a message."""
    text = _cut(_plain(prompt), length)
    return _ISOLATE + _ACTIVE.sub(r"\\\1", text) + _END_ISOLATE


def name(text: str) -> str:
    """A name of somebody else's, for a message."""
    return shown(text, _NAME)


def thread_name(prompt: str) -> str:
    """A prompt as the name of a thread."""
    return _cut(_plain(prompt), _THREAD_NAME) or _THREAD_PLACEHOLDER


def alt_text(prompt: str) -> str:
    """What a picture of the prompt shows, for those who cannot see it."""
    return _cut(f"A picture painted from the words: {_plain(prompt)}", _ALT_TEXT)


def headline(job: Job) -> str:
    """What a job is, for the message that stands for it in the channel."""
    variations = f" · {len(job.recipes)} variations" if len(job.recipes) > 1 else ""
    return f"**{shown(job.prompt)}** · <@{job.author_id}>{variations}"


def waiting(ahead: int, seconds: float | None) -> str:
    """That a job waits, behind `ahead` others; `seconds` is the time until it starts."""
    if ahead == 0:
        return "Next in line, about to start."
    place = "1 job is" if ahead == 1 else f"{ahead} jobs are"
    when = "" if seconds is None else f" · starts in about {duration(seconds)}"
    return f"Waiting: {place} before this one{when}."


def draft(share: float, replace_with: str | None) -> str:
    """What a draft's preview shows; `share` is how much of the picture changes."""
    words = "" if replace_with is None else f": {shown(replace_with)}"
    return (
        f"What is bright, {_percent(share)} of the picture, will be painted anew{words}\n"
        "-# Or draw on mask.png, white where something shall change, and send it back."
    )


def preview_alt_text(share: float) -> str:
    """What a draft's preview shows, for those who cannot see it."""
    return f"The picture, dark but for the {_percent(share)} of it that will be painted anew"


def not_found(what: str) -> str:
    """That nothing in a picture is what somebody named."""
    return (
        f"I find nothing in this picture that is {shown(what)}. The map shows where it looks most "
        "like that, the brighter the more. You can upload a mask of your own."
    )


def progress(job: Job, event: Progress) -> str:
    """How far a job is."""
    steps = job.recipes[event.picture - 1].total_steps
    filled = round(_BAR * event.step / steps)
    bar = "▰" * filled + "▱" * (_BAR - filled)
    which = f"picture {event.picture} of {len(job.recipes)} · " if len(job.recipes) > 1 else ""
    return f"{bar} {which}step {event.step} of {steps} · about {duration(event.seconds_left)} left"


def finished(job: Job, event: Finished, size: tuple[int, int]) -> str:
    """The parameters of the pictures, of which the first has `size`, and how long they took."""
    first = job.recipes[0]
    seeds = ", ".join(str(recipe.seed) for recipe in job.recipes)
    parts = [
        *(_sizes(first) if first.edit is None else _edit(first.edit, f"{size[0]}×{size[1]}")),
        f"{first.total_steps} steps",
        f"{'seed' if len(job.recipes) == 1 else 'seeds'} {seeds}",
        f"{first.models} models",
        f"painted in {duration(event.seconds)}",
    ]
    return f"{headline(job)}\n-# {' · '.join(parts)}"


def how_made(origin: Origin) -> str:
    """What a picture says about itself, most of which may be anybody's words."""
    recipe = origin.recipe
    left = len(recipe.prompts) - _LISTED_PROMPTS
    parts = [
        *_sizes(recipe),
        f"{recipe.total_steps} steps" + (f" in {len(recipe.rounds)} rounds" if recipe.more else ""),
        f"seed {recipe.seed}",
        f"{name(recipe.models)} models",
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
    return f"- {shown(prompt.text, _LISTED_LENGTH)}{weight}{stop}"


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
    keep = keep_of(edit)
    return [
        "edited from a picture" + (f" of {size}" if size else ""),
        *([] if keep is None else [f"keeping {round(100 * keep)} %"]),
        *([] if edit.mask is None else ["only inside the mask"]),
    ]


def _percent(share: float) -> str:
    return f"{round(100 * share)} %"


def duration(seconds: float) -> str:
    """A span of time, as people say it."""
    whole = max(1, round(seconds))
    if whole < 90:
        return f"{whole} s"
    minutes = round(whole / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def sentence(text: str) -> str:
    """A message of the engine's as a sentence of its own."""
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith((".", "!", "?")) else ".")


def limits(settings: LimitSettings) -> str:
    """What one may ask for."""
    return (
        f"up to {settings.prompt_length} characters, {settings.steps} steps, "
        f"{settings.count} variations, and {settings.jobs_per_person} jobs at a time"
    )


def _plain(prompt: str) -> str:
    """On one line, without control characters and those that change the direction of writing."""
    kept = (" " if c.isspace() else c for c in prompt)
    return " ".join(
        "".join(c for c in kept if c in "\u200d\ufe0f" or unicodedata.category(c)[0] != "C").split()
    )


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"
