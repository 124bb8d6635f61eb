"""Lines of a server's moderation log. Words of people are escaped, and nobody is pinged."""

from bot.jobs.job import Job
from bot.ui import formatting

_PROMPT = 200
"""Maximum length of a prompt in the log, in characters."""
LONGEST_LINE = 900
"""Maximum length of a line, in characters."""


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
    whose = "their own picture" if actor_id == job.author_id else f"a picture of <@{job.author_id}>"
    kept = " It is kept here, as a spoiler." if has_pictures else ""
    return f"🗑️ <@{actor_id}> deleted {whose} `#{job.id}`: {prompt}{kept}"


def changed_text(actor_id: int, changes: str) -> str:
    """Return who changed which settings of the server."""
    return formatting.truncate(f"⚙️ <@{actor_id}> changed the settings.\n{changes}", 2000)
