"""What a person prefers, in every server and in direct messages."""

import json
import logging
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError

log = logging.getLogger(__name__)

Notify = Literal["ping", "dm", "none"]
"""How the author of a job hears that it is done: by a mention, by direct message, or not."""


class Preferences(BaseModel):
    """A person's preferences; the defaults are those of a person who has chosen nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    notify: Notify = "ping"

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
        """Return the preferences as JSON, without those that are as by default."""
        return self.model_dump_json(exclude_defaults=True)

    def changed(self, **values: object) -> Self:
        """Return a copy with other values, which are validated."""
        return type(self).model_validate({**self.model_dump(), **values})
