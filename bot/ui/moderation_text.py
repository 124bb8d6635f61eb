"""Lines of a server's moderation log. Words of people are escaped, and nobody is pinged."""

from collections import Counter

from bot.jobs.job import Job
from bot.ui import formatting

_PROMPT = 200
"""Maximum length of a prompt in the log, in characters."""
_MESSAGE, _LONGEST_LINE, _LONGEST_ALONE = 2000, 900, 1900
"""Maximum lengths in characters: of a message, of a line, and of a line that stands alone."""


def painted_line(job: Job, url: str) -> str:
    """Return that a person asked for a picture."""
    prompt = formatting.escape_prompt(job.prompt, _PROMPT)
    return f"🎨 <@{job.author_id}> asked for {url} `#{job.id}`: {prompt}"


def refused_line(user_id: int, channel_id: int, reason: str, prompt: str) -> str:
    """Return that a person was refused, and why; `prompt` is what they asked for, or ""."""
    words = f" They asked for: {formatting.spoiler(prompt)}" if prompt else ""
    return f"🚫 <@{user_id}> was refused in <#{channel_id}>. {reason}{words}"


def held_back_line(job: Job, url: str, held_back: int, pictures: int) -> str:
    """Return that the picture filter held back pictures of a job."""
    prompt = formatting.spoiler(job.prompt)
    return (
        f"🚫 The picture filter held back {held_back} of {pictures} for <@{job.author_id}>: {url} "
        f"`#{job.id}`: {prompt}"
    )


def deleted_line(job: Job, actor_id: int, *, has_pictures: bool) -> str:
    """Return who had a job's messages deleted; its pictures may follow."""
    prompt = formatting.escape_prompt(job.prompt, _PROMPT)
    if actor_id == job.author_id:
        line = f"🗑️ <@{actor_id}> deleted their own picture `#{job.id}`: {prompt}"
    else:
        line = f"🗑️ <@{actor_id}> deleted `#{job.id}` of <@{job.author_id}>: {prompt}"
    return f"{line}\n-# It is kept here, as a spoiler." if has_pictures else line


def changed_text(actor_id: int, changes: str) -> str:
    """Return who changed which settings of the server."""
    return formatting.truncate(f"⚙️ <@{actor_id}> changed the settings.\n{changes}", _MESSAGE)


def joined_lines(lines: Counter[str]) -> str:
    """Return a person's lines as one message; those that do not fit are counted."""
    shown, length = list[str](), 0
    longest = _LONGEST_LINE if len(lines) > 1 else _LONGEST_ALONE
    for line, count in lines.items():
        times = f" ({count} times)" if count > 1 else ""
        text = formatting.truncate(line, longest) + times
        if length + len(text) + 1 > _MESSAGE - 50:
            break
        shown.append(text)
        length += len(text) + 1
    left = len(lines) - len(shown)
    return "\n".join((*shown, *([f"-# and {left} more"] if left else [])))
