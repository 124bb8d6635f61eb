"""The text that gives a command line to a person, to copy."""

from collections.abc import Sequence

from bot.ui.attachments import Attachment

_SAME = "Paste this to paint the same again:"
_SIMILAR = "Paste this to paint it again:"
_IN_FILE = "Paste the line in the file to paint it again."
_FENCE = "```"
_MESSAGE = 2000
"""Maximum length of a message; set by Discord."""
_FILENAME = "command.txt"


def command_text(line: str, notices: Sequence[str]) -> tuple[str, list[Attachment]]:
    """Return a text with a command line to copy, and a file if the text cannot hold it."""
    told = "".join(f"\n-# {each}" for each in notices)
    text = f"{_SIMILAR if notices else _SAME}\n{_FENCE}\n{line}\n{_FENCE}{told}"
    if len(text) <= _MESSAGE and _FENCE not in line:
        return text, []
    return f"{_IN_FILE}{told}", [Attachment(_FILENAME, line.encode(), "The command to paste")]
