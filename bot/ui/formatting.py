"""Small pieces of message text: escaping, names, counts, times."""

import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime

_SHOWN_PROMPT = 300
"""Characters of a prompt in a message; the whole one is in the picture's recipe."""


_NAME = 40
"""Characters of a name that may be anybody's."""


_ACTIVE = re.compile(r"([\\`*_~|<>\[\]()#:@/\-+=])")
"""What Discord's markdown, mentions and links begin or end with."""


_ISOLATE, _END_ISOLATE = "\u2068", "\u2069"
"""Unicode's first strong isolate: text inside does not turn the text around it."""


def escape_prompt(prompt: str, length: int = _SHOWN_PROMPT) -> str:
    """A prompt, or any words of somebody else's, for a message."""
    text = _truncate(_plain_text(prompt), length)
    return _ISOLATE + _ACTIVE.sub(r"\\\1", text) + _END_ISOLATE


def spoiler(words: str) -> str:
    """Words that show only once they are clicked."""
    return f"||{escape_prompt(words)}||"


def join_mentions(ids: Iterable[int], form: str) -> str:
    """Mentions of several things, of which each will do."""
    *others, last = map(form.format, ids)
    return f"{', '.join(others)} or {last}" if others else last


def escape_name(text: str) -> str:
    """A name of somebody else's, for a message."""
    return escape_prompt(text, _NAME)


def one_line(words: str, length: int) -> str:
    """Words of somebody else's on one line, for where nothing is formatted."""
    return _truncate(_plain_text(words), length)


def relative_time(when: datetime) -> str:
    """A moment as Discord shows it, counting down by itself: "in 5 minutes"."""
    return f"<t:{round(when.timestamp())}:R>"


def with_notice(text: str, notice: str | None) -> str:
    """A text with what people should know beside it."""
    return text if notice is None else f"{text}\n-# {notice}"


def _percent(share: float) -> str:
    return f"{round(100 * share)} %"


def duration_text(seconds: float) -> str:
    """A span of time, as people say it."""
    whole = max(1, round(seconds))
    if whole < 90:
        return f"{whole} s"
    minutes = round(whole / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def plural(count: int, one: str, several: str | None = None) -> str:
    """So many of something: "1 picture", "2 pictures"."""
    return f"{count} {one if count == 1 else several or f'{one}s'}"


def _plain_text(prompt: str) -> str:
    """On one line, without control characters and those that change the direction of writing."""
    kept = (" " if c.isspace() else c for c in prompt)
    return " ".join(
        "".join(c for c in kept if c in "\u200d\ufe0f" or unicodedata.category(c)[0] != "C").split()
    )


def _truncate(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"
