"""Lines of a server's moderation log. Words of people are escaped, and nobody is pinged."""

from collections import Counter

from bot.jobs.job import Job
from bot.languages.catalogue import Language
from bot.languages.message import Message, joined
from bot.ui import formatting

_PROMPT = 200
"""Maximum length of a prompt in the log, in characters."""
_MESSAGE, _LONGEST_LINE, _LONGEST_ALONE = 2000, 900, 1900
"""Maximum lengths in characters: of a message, of a line, and of a line that stands alone."""


def painted_line(job: Job, url: str) -> Message:
    """Return that a person asked for a picture."""
    return Message(
        "🎨 {person} asked for {url} `#{number}`: {prompt}",
        person=_person(job.author_id),
        url=url,
        number=job.id,
        prompt=_prompt(job),
    )


def refused_line(user_id: int, channel_id: int, reason: Message | str, prompt: str) -> Message:
    """Return that a person was refused, and why; `prompt` is what they asked for, or ""."""
    line = Message(
        "🚫 {person} was refused in {channel}. {reason}",
        person=_person(user_id),
        channel=f"<#{channel_id}>",
        reason=reason,
    )
    words = Message("They asked for: {prompt}", prompt=formatting.spoiler(prompt))
    return joined(" ", (line, words if prompt else None))


def held_back_line(job: Job, url: str, held_back: int, pictures: int) -> Message:
    """Return that the picture filter held back pictures of a job."""
    return Message.counted(
        "🚫 The picture filter held back {count} of {pictures} for {person}: {url} `#{number}`: "
        "{prompt}",
        "🚫 The picture filter held back {count} of {pictures} for {person}: {url} `#{number}`: "
        "{prompt}",
        held_back,
        pictures=pictures,
        person=_person(job.author_id),
        url=url,
        number=job.id,
        prompt=formatting.spoiler(job.prompt),
    )


def deleted_line(job: Job, actor_id: int, *, has_pictures: bool) -> Message:
    """Return who had a job's messages deleted; its pictures may follow."""
    if actor_id == job.author_id:
        line = Message(
            "🗑️ {person} deleted their own picture `#{number}`: {prompt}",
            person=_person(actor_id),
            number=job.id,
            prompt=_prompt(job),
        )
    else:
        line = Message(
            "🗑️ {person} deleted `#{number}` of {author}: {prompt}",
            person=_person(actor_id),
            number=job.id,
            author=_person(job.author_id),
            prompt=_prompt(job),
        )
    kept = Message("It is kept here, as a spoiler.")
    return formatting.with_small_print(line, kept if has_pictures else None)


def changed_text(actor_id: int, changes: Message) -> Message:
    """Return who changed which settings of the server."""
    return Message(
        "⚙️ {person} changed the settings.\n{changes}", person=_person(actor_id), changes=changes
    )


def dropped_text(count: int) -> Message:
    """Return that some of what happened is not in the log."""
    return Message.counted(
        "-# So much happened that {count} more line is left out.",
        "-# So much happened that {count} more lines are left out.",
        count,
    )


def joined_lines(lines: Counter[Message], language: Language) -> str:
    """Return a person's lines as one message; those that do not fit are counted."""
    shown, length = list[str](), 0
    longest = _LONGEST_LINE if len(lines) > 1 else _LONGEST_ALONE
    for line, count in lines.items():
        text = formatting.truncate(line.in_language(language), longest)
        if count > 1:
            times = Message("{line} ({count} times)", line=text, count=count)
            text = times.in_language(language)
        if length + len(text) + 1 > _MESSAGE - 50:
            break
        shown.append(text)
        length += len(text) + 1
    left = len(lines) - len(shown)
    if left:
        more = Message.counted("-# and {count} more", "-# and {count} more", left)
        shown.append(more.in_language(language))
    return "\n".join(shown)


def _person(person_id: int) -> str:
    return f"<@{person_id}>"


def _prompt(job: Job) -> str:
    return formatting.escape_prompt(job.prompt, _PROMPT)
