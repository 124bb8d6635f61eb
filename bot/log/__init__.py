"""Structured logs: one record a line, as text or JSON, with fields of a fixed vocabulary.

`log.info("job accepted", extra={"job": 7})` writes the field as `job=7`, or as a member of the JSON
object. `fields` names all fields, with their types; `docs/logs.md` describes the records.
"""

from bot.log.set_up import is_for_programs, set_up_logging
from bot.log.start import log_start

__all__ = ["is_for_programs", "log_start", "set_up_logging"]
