"""Texts of the bot's messages about jobs, drafts and prompts.

They stay within Discord's limits: 2000 characters of text, 100 of a thread's name. A prompt is
escaped: it can't mention people, format text, add links or change the writing direction of the
text after it.
"""

from collections.abc import Sequence
from datetime import datetime

from bot.config import LimitSettings
from bot.jobs.events import ProgressEvent
from bot.jobs.job import Job, JobState
from bot.jobs.records import JobRecord, StoredPicture, best_of
from bot.languages.message import Message, Sentence, from_engine, joined, percentage
from bot.ui.formatting import (
    duration,
    escape_prompt,
    plain_text,
    relative_time,
    truncate,
    with_small_print,
)
from bot.ui.recipe_text import (
    LISTED_LENGTH,
    edit_parts,
    frames_text,
    network_text,
    size_text,
    steps_text,
    tile_parts,
)
from engine.recipes.kinds import AnyRecipe, is_comparison, shown_count
from engine.recipes.network_recipe import NetworkRecipe
from engine.recipes.prompts import parse_line
from engine.recipes.recipe import Recipe

_THREAD_NAME = 100
"""Maximum length of a thread's name, in characters."""
_KINDS = {
    "rerun": Message("rerun"),
    "animate": Message("film"),
    "vary": Message("variation"),
    "enlarge": Message("enlarged"),
    "more": Message("more steps"),
    "go-on": Message("resumed"),
    "reword": Message("new prompt"),
}
"""How a job came from another one, by the kind that is stored."""
_BAR = 12
"""Characters of a progress bar."""
_UNNAMED = Message("picture")
"""Name of a thread whose prompt has no characters that Discord shows."""
_HINT = Message("V1 varies picture 1, U1 posts it by itself")
"""What the buttons of several pictures do."""
MASK_FILE = Message.in_context(
    "hint",
    "White changes, black stays. In a copy of the picture, what you erase or paint over changes",
)
"""How a mask may look, in the at most 100 characters of a description."""
NO_MASK = Message(
    "Upload a mask: a picture of the same shape, white where something should change, or a copy "
    "of the picture in which you erased it or painted over it. Or say `what` should change, and "
    "I'll look for it."
)
CANCELLED = Message("Cancelled.")


def thread_name(job: Job) -> str:
    """Return the name of a job's thread."""
    return truncate(plain_text(job.prompt), _THREAD_NAME) or _UNNAMED.in_language(job.language)


def headline(job: Job) -> Message:
    """Return the headline of a job's message: prompt, requester and kind."""
    pictures = len(job.recipes)
    count = Message.counted("{count} variation", "{count} variations", pictures)
    if is_comparison(job.recipes):
        painters = len({recipe.painter for recipe in job.recipes})
        count = Message.counted("by {count} painter", "compared: {count} painters", painters)
    parts = (
        f"**{escape_prompt(job.prompt)}**",
        f"<@{job.author_id}>",
        count if pictures > 1 else None,
        _KINDS.get(job.kind),
    )
    return joined(" · ", parts)


def _models(recipes: Sequence[AnyRecipe]) -> str:
    return ", ".join(dict.fromkeys(recipe.models for recipe in recipes))


def _hint(recipes: Sequence[AnyRecipe], first: int) -> Message | None:
    """Return what the buttons of several pictures do; only those of VQGAN-CLIP can be varied."""
    if len(recipes) == 1:
        return None
    if all(isinstance(each, Recipe) for each in recipes):
        return _HINT
    return Message("U{number} posts picture {number} by itself", number=first)


def _hint_beside(best: StoredPicture, shown: Sequence[StoredPicture]) -> Message:
    """Return what the buttons of the pictures beside the best one do."""
    other = next(each.number for each in shown if each != best)
    return Message("U{number} posts picture {number} by itself", number=other)


def _choice(record: JobRecord, shown: Sequence[StoredPicture]) -> Message | None:
    """Return what chose the best of the pictures; None if it had only one to choose from."""
    count = sum(each.similarity is not None for each in shown)
    if count < 2:
        return None
    if not record.judge:
        return Message("best of {count}, chosen by its own guide", count=count)
    return Message("best of {count}, chosen by {judge}", count=count, judge=record.judge)


def reading_text(prompt: str, size: tuple[int, int] | None = None) -> Message | str:
    """Return how a prompt with weights was read, or "".

    `size` is the width and height in pixels that the prompt's `--ar` chose, None if another rule
    did.
    """
    line = parse_line(prompt)
    told = line.explanation(lambda text: escape_prompt(text, LISTED_LENGTH))
    weights = joined("; ", map(from_engine, told))
    sentences = [Sentence(weights)] if told else []
    if line.aspect is not None:
        sentences.append(Sentence(_aspect_text(line.aspect, size)))
    return joined(" ", sentences) if sentences else ""


def _aspect_text(aspect: tuple[int, int], size: tuple[int, int] | None) -> Message:
    ratio = f"{aspect[0]}:{aspect[1]}"
    if size is None:
        return Message(
            "the aspect ratio {ratio} was left out, because the shape of the picture is fixed",
            ratio=ratio,
        )
    shape = f"{size[0]}×{size[1]}"
    return Message("the aspect ratio {ratio} was read as the size {size}", ratio=ratio, size=shape)


def waiting_text(before: int, starts: datetime | None, done: datetime | None) -> Message:
    """Return the text of a job with `before` others ahead, with its start and end if known."""
    if before == 0:
        parts = [Message("Next in line, starting soon"), done_text(done)]
    else:
        waiting = Message.counted(
            "Waiting behind {count} job", "Waiting behind {count} jobs", before
        )
        parts = [waiting, starts_text(starts), done_text(done)]
    return Sentence(joined(" · ", parts))


def kept_text(until: datetime) -> Message:
    """Return what a job waits for whose picture is to go on as it began, and until when at most."""
    return Message(
        "This waits for a device like the one that began it, so that the picture does not change. "
        "If none comes, it goes on with another one {when}.",
        when=relative_time(until),
    )


def starts_text(when: datetime | None) -> Message | None:
    """Return when a job starts, if that is known."""
    return None if when is None else Message("starts {time}", time=relative_time(when))


def done_text(when: datetime | None) -> Message | None:
    """Return when a job will be done, if that is known."""
    return None if when is None else Message("done {time}", time=relative_time(when))


def draft_text(share: float, replace_with: str | None) -> Message:
    """Return the text of a draft; `share` is the part of the picture that changes, 0 to 1."""
    part = percentage(share)
    if replace_with is None:
        text = Message("The bright part, {share} of the picture, will be repainted", share=part)
    else:
        text = Message(
            "The bright part, {share} of the picture, will be repainted: {words}",
            share=part,
            words=escape_prompt(replace_with),
        )
    or_draw = Message("Or draw on mask.png, white where something should change, and upload it.")
    return with_small_print(text, or_draw)


def not_found_text(what: str) -> Message:
    """Return the text for a search that found nothing."""
    return Message(
        "I couldn't find {words} in this picture. The map shows where it looks most like that: "
        "brighter is closer. You can upload your own mask.",
        words=escape_prompt(what),
    )


def progress_text(job: Job, event: ProgressEvent, done: datetime | None) -> Message:
    """Return a job's progress, and when it will be done if that is known."""
    steps = job.recipes[event.picture - 1].total_steps
    filled = round(_BAR * event.step / steps)
    bar = "▰" * filled + "▱" * (_BAR - filled)
    return joined(" ", (bar, joined(" · ", (step_text(job, event), done_text(done)))))


def step_text(job: Job, event: ProgressEvent) -> Message:
    """Return the step, and the picture if there are several, that a job has reached."""
    total, steps = len(job.recipes), job.recipes[event.picture - 1].total_steps
    which = Message("picture {number} of {total}", number=event.picture, total=total)
    step = Message("step {number} of {total}", number=event.step, total=steps)
    recipe = job.recipes[event.picture - 1]
    if isinstance(recipe, Recipe) and recipe.film is not None:
        frame = min(recipe.frames_done(event.step) + 1, recipe.film.frames)
        return Message("frame {number} of {total}", number=frame, total=recipe.film.frames)
    if isinstance(recipe, Recipe) and recipe.enlargement is not None:
        tile = min(event.step // recipe.steps + 1, recipe.tile_count)
        return Message("part {number} of {total}", number=tile, total=recipe.tile_count)
    if isinstance(recipe, NetworkRecipe):
        return Message("part {number} of {total}", number=min(event.step + 1, steps), total=steps)
    return joined(" · ", (which, step)) if total > 1 else step


def result_text(
    record: JobRecord,
    pictures: Sequence[StoredPicture],
    size: tuple[int, int],
    shown: Sequence[StoredPicture] | None = None,
) -> Message:
    """Return a result's headline and facts: its pictures' parameters, and how long they took.

    `size` is that of the first picture. `shown` are the pictures that may be shown, by default all.
    """
    job, steps = record.job, [each.steps for each in pictures]
    shown = pictures if shown is None else shown
    best = best_of(job, shown)
    large = pictures if best is None else [best]
    first, recipes = job.recipes[0], [job.recipes[each.number - 1] for each in large]
    seeded = (each for each in recipes if not isinstance(each, NetworkRecipe))
    seeds = list(dict.fromkeys(each.seed for each in seeded))
    each_alike = [
        *([size_text(first)] if first.edit is None else edit_parts(first.edit, size)),
        *tile_parts(first),
        _steps(record, steps),
    ]
    parts = [
        *([] if is_comparison(job.recipes) else each_alike),
        Message.counted(
            "seed {seeds}", "seeds {seeds}", len(seeds), seeds=", ".join(map(str, seeds))
        )
        if seeds
        else None,
        Message("{models} models", models=_models(recipes)),
        _painted_in(record.seconds),
        _hint(recipes, pictures[0].number) if best is None else _hint_beside(best, shown),
    ]
    if best is not None:
        parts.insert(0, _choice(record, shown))
    return with_small_print(headline(job), joined(" · ", parts))


def cancelled_text(job: Job) -> Message:
    """Return the line about a job that was cancelled."""
    return joined(" · ", (headline(job), Message("cancelled")))


def copy_text(job: Job, url: str) -> Message:
    """Return the text of a copy of a job's pictures, which are posted at `url`."""
    source = Message("A copy of {url}", url=url)
    return with_small_print(f"**{escape_prompt(job.prompt)}**", source)


def ready_text(record: JobRecord, url: str) -> Message:
    """Return the text that tells the author of a job, elsewhere, that it has ended at `url`."""
    prompt = escape_prompt(record.job.prompt, LISTED_LENGTH)
    if record.state is JobState.FAILED:
        return Message("I couldn't paint {prompt}: {url}", prompt=prompt, url=url)
    return Message.counted(
        "Your picture of {prompt} is ready: {url}",
        "Your {count} pictures of {prompt} are ready: {url}",
        1 if record.job.keeps_best else shown_count(record.job.recipes),
        prompt=prompt,
        url=url,
    )


def limits_text(settings: LimitSettings) -> Message:
    """Return the limits of a person's requests."""
    return Message(
        "You can ask for up to {characters} characters, {steps} steps, {variations} variations, "
        "{jobs} jobs at a time, and {pictures} pictures a day.",
        characters=settings.prompt_length,
        steps=settings.steps,
        variations=settings.count,
        jobs=settings.jobs_per_person,
        pictures=settings.pictures_per_day,
    )


def _frames(recipe: Recipe, steps: int) -> Message:
    """Return how much of a film is painted after some steps."""
    assert recipe.film is not None
    painted, whole = recipe.frames_done(steps), recipe.film.frames
    if painted < whole:
        return Message("stopped at frame {frame} of {total}", frame=painted, total=whole)
    return frames_text(recipe.film)


def _steps(record: JobRecord, steps: Sequence[int]) -> Message:
    recipes = record.job.recipes
    if isinstance(first := recipes[0], Recipe) and first.film is not None:
        return _frames(first, steps[-1])
    whole = recipes[0].total_steps
    if isinstance(first, NetworkRecipe) and record.state is not JobState.STOPPED:
        return network_text(first)
    if record.state is not JobState.STOPPED:
        return steps_text(whole)
    reached, missing = {"step": steps[-1], "total": whole}, len(recipes) - len(steps)
    if len(recipes) == 1:
        return Message("stopped at step {step} of {total}", **reached)
    if missing == 0:
        return Message(
            "stopped at step {step} of {total} of picture {picture}",
            picture=len(steps),
            **reached,
        )
    return Message.counted(
        "stopped at step {step} of {total} of picture {picture}, {count} not begun",
        "stopped at step {step} of {total} of picture {picture}, {count} not begun",
        missing,
        picture=len(steps),
        **reached,
    )


def _painted_in(seconds: float | None) -> Message | None:
    if seconds is None:
        return None
    return Message("painted in {duration}", duration=duration(seconds))
