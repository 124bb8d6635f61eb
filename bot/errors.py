"""Errors that people see, and the sentences for them."""

from bot.languages.message import Message, Sentence, from_engine
from engine.config_file import hide_logins
from engine.errors import EngineError

FAULT = Message("Something went wrong on my side, and it was logged. Please try again.")
"""Message for an error that the person did not cause."""
RESTARTING = Message("I'm about to restart. Please try again in a minute.")
"""Message for a request that comes while the bot shuts down."""


_LONGEST_CAUSE = 500


def cause_of(error: BaseException) -> str:
    """Return an error in one line, for whoever hosts the bot."""
    text = hide_logins(" ".join(f"{type(error).__name__}: {error}".split()))
    return text if len(text) <= _LONGEST_CAUSE else f"{text[: _LONGEST_CAUSE - 1]}…"


class UserError(Exception):
    """A request that is not allowed or not possible; the message tells the person what to do."""

    def __init__(self, message: Message) -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return str(self.message)


class RefusedError(UserError):
    """A request that the rules of the server or the host forbid, which its moderators may see."""

    def __init__(self, message: Message, reason: Message) -> None:
        super().__init__(message)
        self.reason = reason
        """A sentence for moderators."""


class PromptTooLongError(UserError):
    """A prompt that exceeds the limit."""


class UnknownWordsError(UserError):
    """A prompt with words that the models do not know; its author chooses what to paint instead."""

    def __init__(self, message: Message, question_id: str, nearest: str) -> None:
        super().__init__(message)
        self.question_id = question_id
        """The id of the question, for the buttons that answer it."""
        self.nearest = nearest
        """The nearest line of prompts that the models know."""


def message_of(error: UserError | EngineError) -> Message:
    """Return what an error tells a person, as a sentence."""
    return Sentence(error.message if isinstance(error, UserError) else from_engine(error.text))
