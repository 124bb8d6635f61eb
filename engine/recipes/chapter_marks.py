"""The marks between the chapters of a story, as `engine.recipes.prompt_syntax` describes them."""

import re

from engine.errors import RecipeError
from engine.recipes.story import MAX_SHARE, MIN_SHARE

NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
MARK = re.compile(r"(?<!\S)\^(?::(\S*))?(?!\S)")
"""What separates chapters, with the share of the following one."""


def split_chapters(plain: str) -> list[tuple[str | None, str]]:
    """Return the share that is written for each chapter, and its words; one for no story.

    In `plain`, characters with a backslash in front of them are already replaced.
    """
    first, *others = MARK.split(plain)
    chapters = [(None, first), *zip(others[::2], others[1::2], strict=True)]
    if sum(bool(words.strip()) for _, words in chapters) < 2:
        return [(None, plain)]
    return chapters[1:] if not first.strip() and chapters[1][0] is not None else chapters


def read_share(written: str, shown: str) -> float:
    """Return the share that is written behind a mark; `shown` is that for messages.

    Raises `RecipeError` if it is no number from `MIN_SHARE` to `MAX_SHARE`.
    """
    is_number = re.fullmatch(NUMBER, written) is not None
    if not is_number or not MIN_SHARE <= float(written) <= MAX_SHARE:
        raise RecipeError(
            "the share {share} of a chapter must be a number from {least} to {most}, such as "
            r"^:0.5 for half as many steps (write \^ for a ^ in a text)",
            share=shown,
            least=f"{MIN_SHARE:g}",
            most=f"{MAX_SHARE:g}",
        )
    return float(written)


def escape_marks(term: str) -> str:
    """Return a term in which no `^` separates chapters."""
    return re.sub(r"(?<!\S)(?=\^(?:\\?:\S*)?(?!\S))", r"\\", term)


def write_mark(share: float, *, is_first: bool) -> str:
    """Return what stands between a chapter and the one before it, or before the first one."""
    if share == 1:
        return "" if is_first else " ^ "
    number = f"{share:g}" if float(f"{share:g}") == share else repr(share)
    return f"^:{number} " if is_first else f" ^:{number} "


def add_before_marks(line: str, words: str) -> str:
    """Return a line with `words` at the end of each chapter that another one follows."""
    return MARK.sub(
        lambda mark: f"{words} {mark[0]}" if line[: mark.start()].strip() else mark[0], line
    )
