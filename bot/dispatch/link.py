"""The line from a front to the dispatcher."""

from typing import Protocol

from bot.dispatch.messages import Answer, Question


class Link(Protocol):
    """A line to the dispatcher, wherever it is."""

    async def ask(self, question: Question, seconds: float) -> Answer:
        """Ask the dispatcher, which answers after so many seconds, or sooner.

        Raises `SettingsError` if there can be none with these settings, and any other exception if
        it cannot be reached: the question may then have been heard or not, and is asked again.
        """
        ...

    async def close(self) -> None:
        """Close the line; the dispatcher stays for others."""
        ...
