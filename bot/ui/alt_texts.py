"""Alt texts of pictures and clips. Discord shows as much of them as it takes."""

from bot.jobs.events import ProgressEvent
from bot.jobs.job import Job
from bot.languages.message import Message, percentage
from bot.ui.formatting import plain_text

MASK = Message("The mask: white will be repainted, black stays as it is")
RELEVANCE = Message("A map of the picture: brighter parts look more like what you asked for")
BEFORE_AFTER = Message("Left: the picture before. Right: the picture now.")

COPIES = Message("Copies of the picture, laid side by side without a gap")


def of_picture(prompt: str, number: int = 1, total: int = 1) -> Message:
    """Return the alt text of a picture of the prompt, the only one or one of several."""
    words = plain_text(prompt)
    if total == 1:
        return Message("A picture painted from the prompt: {prompt}", prompt=words)
    return Message(
        "Picture {number} of {total} painted from the prompt: {prompt}",
        number=number,
        total=total,
        prompt=words,
    )


def of_progress(job: Job, event: ProgressEvent) -> Message:
    """Return the alt text of a picture that is not finished yet."""
    recipe = job.recipes[event.picture - 1]
    if recipe.film is not None:
        return Message(
            "A film that is not finished, painted from the prompt: {prompt}",
            prompt=plain_text(job.prompt),
        )
    steps = recipe.total_steps
    values = {"step": event.step, "steps": steps, "prompt": plain_text(job.prompt)}
    if len(job.recipes) == 1:
        return Message(
            "An unfinished picture, after {step} of {steps} steps, painted from the prompt: "
            "{prompt}",
            **values,
        )
    return Message(
        "Picture {number} of {total}, unfinished, after {step} of {steps} steps, painted from the "
        "prompt: {prompt}",
        number=event.picture,
        total=len(job.recipes),
        **values,
    )


def of_film(job: Job) -> Message:
    """Return the alt text of a film."""
    return Message("A film painted from the prompt: {prompt}", prompt=plain_text(job.prompt))


def of_growth(job: Job) -> Message:
    """Return the alt text of a clip of how a job's pictures grew."""
    words = plain_text(job.prompt)
    first = job.recipes[0]
    if first.edit is not None or first.init_image is not None:
        return Message(
            "How it grew from another picture, painted from the prompt: {prompt}", prompt=words
        )
    return Message(
        "How it grew from random colours, painted from the prompt: {prompt}", prompt=words
    )


def of_grid(job: Job, pictures: int) -> Message:
    """Return the alt text of a job's pictures on one sheet."""
    return Message.counted(
        "{count} picture with its number, painted from the prompt: {prompt}",
        "{count} pictures with numbers, row by row, painted from the prompt: {prompt}",
        pictures,
        prompt=plain_text(job.prompt),
    )


def of_preview(share: float) -> Message:
    """Return the alt text of a draft's preview."""
    return Message(
        "The picture, dark except for the {share} that will be repainted", share=percentage(share)
    )
