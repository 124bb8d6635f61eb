"""The text that gives a command line to a person, to copy."""

from collections.abc import Sequence

from bot.languages.catalogue import Language
from bot.languages.message import Message, joined
from bot.ui.attachments import Attachment
from bot.ui.formatting import with_small_print

_SAME = Message("Paste this to paint the same again:")
_SIMILAR = Message("Paste this to paint it again:")
_IN_FILE = Message("Paste the line in the file to paint it again.")
_ALT_TEXT = Message("The command to paste")
_FENCE = "```"
_MESSAGE = 2000
"""Maximum length of a message; set by Discord."""
_FILENAME = "command.txt"


def command_text(
    line: str, notices: Sequence[Message], language: Language
) -> tuple[Message, list[Attachment]]:
    """Return a text with a command line to copy, and a file if the text cannot hold it.

    `language` is the one in which the text is shown.
    """
    told = joined("\n-# ", notices)
    quoted = joined("\n", (_SIMILAR if notices else _SAME, _FENCE, line, _FENCE))
    text = with_small_print(quoted, told)
    if len(text.in_language(language)) <= _MESSAGE and _FENCE not in line:
        return text, []
    file = Attachment(_FILENAME, line.encode(), _ALT_TEXT.in_language(language))
    return with_small_print(_IN_FILE, told), [file]
