"""Why jobs failed, as the log says it: people are told less about faults of the program."""

import logging
from collections import OrderedDict

from bot.ui.formatting import one_line

_MOST, _LONGEST = 200, 300


class Causes(logging.Handler):
    """Remembers the last causes by job, while it is a handler of the log."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._causes: OrderedDict[int, str] = OrderedDict()

    def emit(self, record: logging.LogRecord) -> None:
        """Remember the cause in a record about a job, in any thread."""
        job_id = getattr(record, "job", None)
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(job_id, int) or error is None:
            return
        self._causes[job_id] = one_line(f"{type(error).__name__}: {error}", _LONGEST)
        while len(self._causes) > _MOST:
            self._causes.popitem(last=False)

    def of(self, job_id: int) -> str:
        """Return the cause of a job's failure; "" if none is known."""
        return self._causes.get(job_id, "")
