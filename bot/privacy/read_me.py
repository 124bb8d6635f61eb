"""The file that explains the other files of an export."""

from textwrap import fill

from bot.languages.catalogue import Language
from bot.languages.message import Message, joined

_WIDTH, _NAMES = 100, 21
"""Width of a line and of the column with names of files, in characters."""
_TITLE = Message("Everything that this bot stores about you.")
_FILES = {
    "account.json": Message(
        "what you prefer, such as how I tell you that a picture is done; your saved styles; when "
        "you agreed to the gallery; when I explained to you how to reply; servers that block you; "
        "messages about you in moderation logs; a deletion that is still going on"
    ),
    "job-N/job.json": Message("what you asked for and when, its state, and where I posted it"),
    "job-N/recipe-M.json": Message(
        "everything that determines picture M, images and videos that you attached as base64"
    ),
    "job-N/picture-M.png": Message("the picture"),
    "job-N/frames/": Message("the picture at earlier steps, by picture and step"),
    "draft-N/": Message("a picture and its mask that you have not submitted"),
}
"""What the files hold, by their names."""
_CHECKPOINTS = Message(
    "Checkpoints are stored as long as the pictures, but are not in here: they are the numbers "
    "from which the program resumes painting. {file} lists them.",
    file="job.json",
)
_PARTS = Message(
    "A file that is too large for one message is split into FILE.part1, FILE.part2 and so on. To "
    "join the parts, run cat FILE.part* > FILE, or on Windows copy /b."
)


def read_me(language: Language) -> str:
    """Return the text of the file."""
    files = (_line(name, about.in_language(language)) for name, about in _FILES.items())
    rest = (fill(each.in_language(language), _WIDTH) for each in (_CHECKPOINTS, _PARTS))
    return joined("\n\n", (_TITLE, "\n".join(files), *rest)).in_language(language) + "\n"


def _line(name: str, about: str) -> str:
    return fill(about, _WIDTH, initial_indent=f"{name:{_NAMES}}", subsequent_indent=" " * _NAMES)
