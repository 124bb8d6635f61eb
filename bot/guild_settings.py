"""What the moderators of a server have set for it. It only ever tightens the host's settings.

The host is whoever runs the bot; `config.toml` holds their limits.
"""

import json
import logging
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot.config import MAX_JOBS, MAX_VARIATIONS, LimitSettings, Word
from engine.recipes.recipe import MAX_SIDE, MAX_STEPS, MIN_SIDE

log = logging.getLogger(__name__)

MAX_LISTED = 25
"""Channels, or roles, of one list: as many as fit into an answer."""
MAX_WORDS = 200
"""Entries of one list of words."""
LIMITS = ("steps", "count", "pixels", "pictures_per_day", "jobs_per_person", "jobs_per_server")
"""The keys of `[limits]` that a server can tighten by a smaller number."""
_ACCESS_LISTS = ("channels", "roles", "blocked_words", "age_restricted_words")
"""What opens a door if it is forgotten."""

_Id = Annotated[int, Field(ge=1, le=2**63 - 1)]
_Words = Annotated[tuple[Word, ...], Field(max_length=MAX_WORDS)]


class GuildSettings(BaseModel):
    """A server's own settings; None and empty lists leave everything to the host."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    steps: int | None = Field(default=None, ge=1, le=MAX_STEPS)
    count: int | None = Field(default=None, ge=1, le=MAX_VARIATIONS)
    pixels: int | None = Field(default=None, ge=MIN_SIDE**2, le=MAX_SIDE**2)
    pictures_per_day: int | None = Field(default=None, ge=1, le=MAX_JOBS)
    """Of one person, asked for in this server."""
    jobs_per_person: int | None = Field(default=None, ge=1, le=MAX_JOBS)
    """Of one person, in this server."""
    jobs_per_server: int | None = Field(default=None, ge=1, le=MAX_JOBS)
    edit_others: bool | None = None
    channels: tuple[_Id, ...] = Field(default=(), max_length=MAX_LISTED)
    """Where pictures are painted; none stands for everywhere."""
    roles: tuple[_Id, ...] = Field(default=(), max_length=MAX_LISTED)
    """Of which a person needs one; none stands for everybody."""
    blocked_words: _Words = ()
    age_restricted_words: _Words = ()
    unreadable: tuple[str, ...] = Field(default=(), exclude=True)
    """What could not be read back: `edit_others` counts as False then, numbers as the host's."""

    @classmethod
    def read(cls, text: str, guild_id: int) -> Self:
        """Settings as `write` wrote them. What is damaged is left out, named and logged."""
        values = None
        try:
            values = json.loads(text)
            return cls.model_validate_json(text)
        except (ValueError, RecursionError) as error:  # pydantic's errors are values' too
            damaged = _damaged(error)
        log.error(
            "a server's settings are damaged",
            extra={"server": guild_id, "cause": ", ".join(damaged) or "all"},
        )
        if not (damaged and isinstance(values, dict)):
            return cls(edit_others=False, unreadable=(*LIMITS, *_ACCESS_LISTS))
        kept = {name: value for name, value in values.items() if name not in damaged}
        if "edit_others" in damaged:
            kept["edit_others"] = False
        found = cls.model_validate_json(json.dumps(kept))
        return found.model_copy(update={"unreadable": damaged})

    def write(self) -> str:
        """The settings as text."""
        return self.model_dump_json(exclude_defaults=True)

    def changed(self, **values: object) -> Self:
        """The settings with some other values, which are checked."""
        return type(self).model_validate({**self.model_dump(), **values})

    @property
    def is_fail_closed(self) -> bool:
        """Whether it is unknown what is allowed here, because a list could not be read back."""
        return any(name in _ACCESS_LISTS for name in self.unreadable)

    def merged_with(self, host: LimitSettings) -> LimitSettings:
        """What one may ask for here: the host's limits, or the server's where they are lower."""
        own = {name: getattr(self, name) for name in LIMITS}
        lower = {
            name: min(number, getattr(host, name))
            for name, number in own.items()
            if number is not None
        }
        edit_others = host.edit_others and self.edit_others is not False
        return host.model_copy(update={**lower, "edit_others": edit_others})


NO_GUILD = GuildSettings()
"""What holds in direct messages, and in servers whose moderators have set nothing."""


def _damaged(error: Exception) -> tuple[str, ...]:
    """Which keys are damaged; none stands for all of them."""
    places = [each["loc"] for each in error.errors()] if isinstance(error, ValidationError) else []
    return tuple(sorted({str(place[0]) for place in places})) if all(places) else ()
