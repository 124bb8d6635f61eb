"""Small pieces of message text: escaping, names, counts, times."""

import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime

from bot.languages.catalogue import Language
from bot.languages.message import Message, in_language, joined

_SHOWN_PROMPT = 300
"""Maximum length of a prompt in a message; the picture's recipe has all of it."""
_MESSAGE = 2000
"""Maximum length of a message, in characters; set by Discord."""
_NAME = 40
"""Maximum length of a name that anyone may have chosen."""
_ACTIVE = re.compile(r"([\\`*_~|<>\[\]()#:@/\-+=])")
"""Characters that begin or end Discord's markdown, mentions and links."""
_ISOLATE, _END_ISOLATE = "\u2068", "\u2069"
"""Unicode's first strong isolate: text inside can't turn the direction of text around it."""


def escape_prompt(prompt: str, length: int = _SHOWN_PROMPT) -> str:
    """Escape a prompt, or other words of a person, for a message."""
    text = truncate(plain_text(prompt), length)
    return _ISOLATE + _ACTIVE.sub(r"\\\1", text) + _END_ISOLATE


def spoiler(words: str) -> str:
    """Hide words until they are clicked."""
    return f"||{escape_prompt(words)}||"


def escape_name(text: str) -> str:
    """Escape a name that anyone may have chosen, for a message."""
    return escape_prompt(text, _NAME)


def one_line(words: str, length: int) -> str:
    """Put words on one line, for places where Discord formats nothing."""
    return truncate(plain_text(words), length)


def relative_time(when: datetime) -> str:
    """Return a time that Discord shows as a countdown: "in 5 minutes"."""
    return f"<t:{round(when.timestamp())}:R>"


def plain_text(prompt: str) -> str:
    """Put text on one line, without control characters and changes of writing direction."""
    kept = (" " if c.isspace() else c for c in prompt)
    return " ".join(
        "".join(c for c in kept if c in "\u200d\ufe0f" or unicodedata.category(c)[0] != "C").split()
    )


def truncate(text: str, length: int) -> str:
    """Shorten text to `length` characters, with an ellipsis at the end."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def pages(parts: Iterable[Message | str], language: Language, most: int) -> list[str]:
    """Put texts below each other, on as many pages of `most` characters as that takes."""
    found: list[str] = []
    for part in parts:
        text = truncate(in_language(part, language), most)
        if found and len(found[-1]) + 1 + len(text) <= most:
            found[-1] += f"\n{text}"
        else:
            found.append(text)
    return found


def duration(seconds: float) -> Message:
    """Return a duration in the units that people use: "90 s" is "2 min"."""
    whole = max(1, round(seconds))
    if whole < 90:
        return Message("{seconds} s", seconds=whole)
    minutes = round(whole / 60)
    if minutes < 90:
        return Message("{minutes} min", minutes=minutes)
    return Message("{hours} h {minutes} min", hours=minutes // 60, minutes=minutes % 60)


def with_small_print(text: Message | str, notice: Message | str | None) -> Message:
    """Append a notice to a text in small letters, if there is one."""
    return joined("\n-# ", (text, notice))


def fitting(text: Message, language: Language) -> str:
    """Return a text in a language, as much of it as fits into a message."""
    return truncate(text.in_language(language), _MESSAGE)
