"""Save styles, and find the words of the style that a user typed."""

from bot.errors import UserError
from bot.languages.message import Message
from bot.saved_style import MAX_NAME, MAX_STYLE, MAX_STYLES, SavedStyle, style_key
from bot.storage import Store
from bot.submission.policy import SubmissionPolicy
from bot.submission.requester import Requester
from bot.ui.formatting import escape_name, plain_text

NONE = "none"
"""The word that stands for no style, so that people can leave out one that applies by default."""


class SavedStyles:
    """The styles of users."""

    def __init__(self, store: Store, policy: SubmissionPolicy) -> None:
        self._styles = store.styles
        self._policy = policy

    async def of_user(self, user_id: int) -> list[SavedStyle]:
        """List a user's styles by name."""
        return await self._styles.of_user(user_id)

    async def save(self, requester: Requester, name: str, words: str) -> SavedStyle:
        """Save a style, in place of the requester's one with its name if there is one.

        Raises `UserError` for a name or words that are not allowed, or one style too many.
        """
        style = SavedStyle(_checked_name(name), checked_style(words))
        await self._policy.check_text(requester, style.name, style.words)
        if not await self._styles.save(requester.user_id, style, MAX_STYLES):
            raise UserError(
                Message(
                    "You have {most} saved styles, which is the most. Delete one with `/style "
                    "delete`, or save under the name of one to replace it.",
                    most=MAX_STYLES,
                )
            )
        return style

    async def delete(self, user_id: int, name: str) -> SavedStyle:
        """Delete a user's style and return it; raise `UserError` if there is none."""
        found = await self._styles.delete(user_id, plain_text(name))
        if found is None:
            raise UserError(
                Message(
                    "You have no saved style called {name}. `/style list` shows yours.",
                    name=escape_name(name),
                )
            )
        return found

    async def words(self, user_id: int, typed: str) -> str | None:
        """Return the words of a user's saved style, or else those that they typed.

        None stands for no style. Raises `UserError` for words that can be no style.
        """
        words = checked_style(typed)
        if is_none(words):
            return None
        return await self._styles.words(user_id, words) or words


def checked_style(words: str) -> str:
    """Return the words of a style on one line; raise `UserError` if they can be no style."""
    line = plain_text(words)
    if not line:
        raise UserError(Message("A style needs at least one word."))
    if len(line) > MAX_STYLE:
        raise UserError(Message("A style can have at most {most} characters.", most=MAX_STYLE))
    return line


def is_none(words: str) -> bool:
    """Return True for the word that stands for no style, or for nothing to leave out."""
    return style_key(plain_text(words)) == NONE


def _checked_name(name: str) -> str:
    line = plain_text(name)
    if not line:
        raise UserError(Message("The name of a style needs at least one letter or sign."))
    if len(line) > MAX_NAME:
        raise UserError(
            Message("The name of a style can have at most {most} characters.", most=MAX_NAME)
        )
    if is_none(line):
        raise UserError(
            Message("{word} stands for no style. Choose another name.", word=f"`{NONE}`")
        )
    return line
