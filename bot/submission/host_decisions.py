"""What the host decided while the bot runs: a pause, and people for whom nothing is painted.

It is stored, so that it lasts, and holds in all processes that share the servers.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from pydantic import TypeAdapter, ValidationError

from bot.errors import UserError
from bot.languages.message import Message
from bot.storage import Store

_NAME = "host decisions"
MOST_PEOPLE = 5000
"""Maximum number of people who are blocked in this way."""
_PAUSED = Message(
    "The person who runs me has paused painting, so I take no new pictures at the moment. Those "
    "that I have accepted are still painted. Please try again later."
)


@dataclass(frozen=True)
class Decisions:
    """What the host decided."""

    is_paused: bool = False
    """Whether no new jobs are accepted."""
    blocked_people: frozenset[int] = frozenset()
    """Ids of the accounts of people for whom nothing is painted, besides those of the settings."""


_JSON = TypeAdapter(Decisions)


class HostDecisions:
    """Reads and changes what the host decided."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self) -> Decisions:
        """Return what holds now; a pause if it cannot be read any more."""
        return _decisions(await self._store.key_values.get(_NAME))

    async def check_open(self) -> None:
        """Raise `UserError` if no new jobs are accepted."""
        if (await self.get()).is_paused:
            raise UserError(_PAUSED)

    async def pause(self, is_paused: bool) -> None:
        """Accept no new jobs, or accept them again."""
        await self._change(lambda before: replace(before, is_paused=is_paused))

    async def block(self, person_id: int) -> bool:
        """Block a person; return False if too many are blocked already."""
        is_full = False

        def add(before: Decisions) -> Decisions:
            nonlocal is_full
            people = before.blocked_people | {person_id}
            is_full = len(people) > MOST_PEOPLE
            return before if is_full else replace(before, blocked_people=people)

        await self._change(add)
        return not is_full

    async def unblock(self, person_id: int) -> None:
        """Let a person paint again, unless the settings block them."""
        await self._change(
            lambda before: replace(before, blocked_people=before.blocked_people - {person_id})
        )

    async def _change(self, change: Callable[[Decisions], Decisions]) -> None:
        await self._store.key_values.change(
            _NAME, lambda text: _JSON.dump_json(change(_decisions(text))).decode()
        )


def _decisions(text: str | None) -> Decisions:
    if text is None:
        return Decisions()
    try:
        return _JSON.validate_json(text)
    except ValidationError:
        return Decisions(is_paused=True)
