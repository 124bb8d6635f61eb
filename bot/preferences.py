"""What people prefer, and the defaults of `/imagine` that they or a channel's moderators chose."""

import json
import logging
from collections.abc import Mapping
from typing import Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot.config import MAX_VARIATIONS
from bot.saved_style import MAX_STYLE
from engine.recipes.checks import MAX_STEPS

log = logging.getLogger(__name__)

MAX_NEGATIVE = 200
"""Maximum length of words that pictures should not show by default, in characters."""
_MAX_NAME = 100

Notify = Literal["ping", "dm", "none"]
"""How the author of a job hears that it is done: by a mention, by direct message, or not."""

Keep = Literal["all", "best"]
"""Whether all of several pictures are shown alike, or the best one large."""
KEEPS: tuple[Keep, ...] = get_args(Keep)


class ImagineDefaults(BaseModel):
    """Options of `/imagine` for pictures of which nothing else is typed; None for no choice."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    size: str | None = Field(default=None, max_length=_MAX_NAME)
    ratio: str | None = Field(default=None, max_length=_MAX_NAME)
    steps: int | None = Field(default=None, ge=1, le=MAX_STEPS)
    preset: str | None = Field(default=None, max_length=_MAX_NAME)
    model: str | None = Field(default=None, max_length=_MAX_NAME)
    style: str | None = Field(default=None, max_length=MAX_STYLE)
    """Words of a style, or the name that stands for no style."""
    negative: str | None = Field(default=None, max_length=MAX_NEGATIVE)
    """Words to push away from, separated by commas, or the name that stands for none."""
    count: int | None = Field(default=None, ge=1, le=MAX_VARIATIONS)
    keep: Keep | None = None
    """Whether the best of several pictures is shown large."""

    @classmethod
    def read(cls, text: str) -> Self:
        """Read what `write` returned. Damaged values are logged and replaced by the defaults."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            damaged = {str(each["loc"][0]) if each["loc"] else "" for each in error.errors()}
        log.error("stored preferences are damaged", extra={"keys": ", ".join(damaged) or "all"})
        if "" in damaged:  # the whole text is unreadable
            return cls()
        values: dict[str, Any] = json.loads(text)
        intact = {name: value for name, value in values.items() if name not in damaged}
        return cls.model_validate_json(json.dumps(intact))

    def write(self) -> str:
        """Return the values as JSON, without those that nobody chose."""
        return self.model_dump_json(exclude_defaults=True)

    def changed(self, **values: object) -> Self:
        """Return a copy with other values, which are validated."""
        return type(self).model_validate({**self.model_dump(), **values})

    @property
    def options(self) -> Mapping[str, Any]:
        """The options of `/imagine` that are chosen, by name."""
        values = self.model_dump(include=set(OPTIONS))
        return {name: value for name, value in values.items() if value is not None}


OPTIONS = tuple(ImagineDefaults.model_fields)
"""Names of the options of `/imagine` that can have defaults."""


class Preferences(ImagineDefaults):
    """A person's preferences; the defaults are those of a person who has chosen nothing."""

    notify: Notify = "ping"
