"""The settings that moderators choose for their server. They can only tighten `config.toml`."""

import json
import logging
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot.config import (
    MAX_JOBS,
    MAX_VARIATIONS,
    LimitSettings,
    Replies,
    SafetySettings,
    Word,
)
from engine.recipes.checks import MAX_SIDE, MAX_STEPS, MIN_SIDE

log = logging.getLogger(__name__)

MAX_LISTED = 25
"""Maximum number of channels, or of roles, in one list: as many as fit into a message."""
MAX_WORDS = 200
"""Maximum number of entries in one list of words."""
MAX_PEOPLE = 500
"""Maximum number of people that a server blocks."""
LIMITS = ("steps", "count", "pixels", "pictures_per_day", "jobs_per_person", "jobs_per_server")
"""The keys of `[limits]` that a server can tighten by a smaller number."""
COMMAND_LISTS = {
    "imagine": "imagine_channels",
    "edit": "edit_channels",
    "mask": "mask_channels",
}
"""The keys of the channels that painting commands are limited to, by the command."""
_ACCESS_LISTS = (
    "channels",
    "roles",
    "blocked_words",
    "age_restricted_words",
    "blocked_people",
    "spoiler_channels",
    *COMMAND_LISTS.values(),
)
"""The keys of lists without which more would be allowed."""

THRESHOLDS = ("picture_threshold", "picture_threshold_age_restricted")
"""The keys of `[safety]` that a server can lower."""

_Id = Annotated[int, Field(ge=1, le=2**63 - 1)]
_Ids = Annotated[tuple[_Id, ...], Field(max_length=MAX_LISTED)]
_Words = Annotated[tuple[Word, ...], Field(max_length=MAX_WORDS)]
_Threshold = Annotated[float, Field(ge=0.0, le=1.0)]


class GuildSettings(BaseModel):
    """A server's own settings; None and empty lists add no restriction to `config.toml`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    steps: int | None = Field(default=None, ge=1, le=MAX_STEPS)
    count: int | None = Field(default=None, ge=1, le=MAX_VARIATIONS)
    pixels: int | None = Field(default=None, ge=MIN_SIDE**2, le=MAX_SIDE**2)
    pictures_per_day: int | None = Field(default=None, ge=1, le=MAX_JOBS)
    """Maximum number of pictures that one user may request in this server within 24 hours."""
    jobs_per_person: int | None = Field(default=None, ge=1, le=MAX_JOBS)
    """Maximum number of unfinished jobs of one user in this server."""
    jobs_per_server: int | None = Field(default=None, ge=1, le=MAX_JOBS)
    """Maximum number of unfinished jobs in this server."""
    language: str | None = Field(default=None, max_length=16)
    """Discord's name of the language of public messages; None for the server's own.

    Discord lets only Community servers choose one.
    """
    edit_others: bool | None = None
    """Whether users may edit the pictures of others."""
    replies: Replies | None = None
    """Which replies in words alone edit a picture; None for the host's choice."""
    channels: _Ids = ()
    """Ids of the channels in which the bot paints; empty for all."""
    imagine_channels: _Ids = ()
    """Ids of the channels for `/imagine` and what stands for it; empty for all, as in the next."""
    edit_channels: _Ids = ()
    mask_channels: _Ids = ()
    spoiler_channels: _Ids = ()
    """Ids of the channels in which every picture is posted as a spoiler."""
    roles: _Ids = ()
    """Ids of the roles of which a user needs one; empty for everyone."""
    blocked_people: Annotated[tuple[_Id, ...], Field(max_length=MAX_PEOPLE)] = ()
    """Ids of users for whom nothing is painted."""
    blocked_words: _Words = ()
    age_restricted_words: _Words = ()
    picture_threshold: _Threshold | None = None
    """The score above which a picture is held back; None for the host's choice."""
    picture_threshold_age_restricted: _Threshold | None = None
    """The same in age-restricted channels."""
    log_channel: _Id | None = None
    """Id of the channel of the moderation log; None for no log."""
    log_keeps_deleted: bool | None = None
    """Whether deleted pictures are kept in the moderation log."""
    unreadable: tuple[str, ...] = Field(default=(), exclude=True)
    """Keys that could not be read: `edit_others` is then False, `replies` are never requests, the
    picture filter holds back everything, and other numbers are those of `config.toml`."""

    @classmethod
    def read(cls, text: str, guild_id: int) -> Self:
        """Read what `write` returned. Damaged keys are logged and listed in `unreadable`."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            damaged = _damaged_keys(error)
        log.error(
            "a server's settings are damaged",
            extra={"server": guild_id, "cause": ", ".join(damaged) or "all"},
        )
        if not damaged:
            return cls(edit_others=False, unreadable=(*LIMITS, *_ACCESS_LISTS, *THRESHOLDS))
        values: dict[str, Any] = json.loads(text)
        intact = {name: value for name, value in values.items() if name not in damaged}
        closed = {"edit_others": False, "replies": "never"}
        intact |= {name: value for name, value in closed.items() if name in damaged}
        settings = cls.model_validate_json(json.dumps(intact))
        return settings.model_copy(update={"unreadable": damaged})

    def write(self) -> str:
        """Return the settings as JSON."""
        return self.model_dump_json(exclude_defaults=True)

    def changed(self, **values: object) -> Self:
        """Return a copy with other values, which are validated."""
        return type(self).model_validate({**self.model_dump(), **values})

    @property
    def is_fail_closed(self) -> bool:
        """Whether nothing is allowed, because a list of restrictions could not be read."""
        return any(name in _ACCESS_LISTS for name in self.unreadable)

    def merged_with(self, host: LimitSettings) -> LimitSettings:
        """Return the limits of `config.toml`, lowered to the server's where these are lower."""
        own = {name: getattr(self, name) for name in LIMITS}
        lower = {
            name: min(number, getattr(host, name))
            for name, number in own.items()
            if number is not None
        }
        edit_others = host.edit_others and self.edit_others is not False
        return host.model_copy(update={**lower, "edit_others": edit_others})

    def picture_threshold_within(self, host: SafetySettings, *, age_restricted: bool) -> float:
        """Return the score above which pictures are held back: the host's, or a lower one."""
        name = THRESHOLDS[age_restricted]
        if name in self.unreadable:
            return 0.0
        own, most = getattr(self, name), getattr(host, name)
        return most if own is None else min(own, most)


NO_GUILD = GuildSettings()
"""The settings of direct messages and of servers without settings."""


def _damaged_keys(error: ValidationError) -> tuple[str, ...]:
    """List the keys that are damaged; none stands for all of them."""
    places = [each["loc"] for each in error.errors()]
    return tuple(sorted({str(place[0]) for place in places})) if all(places) else ()
