"""The line of the log for the end of a job, whatever the end: one for each job that was accepted.

The process that tells people writes it, right after it has stored that they are told. So it comes
once, also if the end is told only after a restart; it is missing only if the program is killed
between the two. The end of a job whose recipe is damaged is logged by the store, which finds that.
"""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime

from bot.jobs.job import JobState
from bot.jobs.records import JobRecord
from bot.monitoring.call_counts import CallCount

log = logging.getLogger(__name__)

NOT_NOTIFIED = "nobody could be notified"


def log_end(
    record: JobRecord,
    steps: Sequence[int] = (),
    calls: CallCount | None = None,
    *,
    told: bool = True,
) -> None:
    """Log the end of a job; `told` is False if nobody could be notified.

    `steps` are those of each stored picture, and `calls` those to Discord for the job's messages.
    """
    job, state = record.job, record.state
    causes = [record.cause or record.reason] if state is JobState.FAILED else []
    if not told:
        causes.append(NOT_NOTIFIED)
    now, began = datetime.now(UTC), record.began_at
    extra = {
        "job": job.id,
        "end": state.value,
        "person": job.author_id,
        "server": job.guild_id,
        "channel": record.channel_id,
        "kind": job.kind,
        "models": list(dict.fromkeys(each.models for each in job.recipes)),
        "device": record.device,
        "pictures": len(steps),
        "steps": sum(steps),
        "painting_seconds": _rounded(record.seconds),
        "wait_seconds": began and _rounded((began - record.accepted_at).total_seconds()),
        "total_seconds": _rounded((now - record.accepted_at).total_seconds()),
        "calls": calls.number if calls else 0,
        "moves": max(0, record.starts - 1),
        "cause": "; ".join(filter(None, causes)) or None,
    }
    level = logging.INFO if told and state is not JobState.FAILED else logging.WARNING
    log.log(level, "job ended", extra=extra)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(max(0.0, seconds), 3)
