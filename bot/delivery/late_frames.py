"""Frames that could not be stored: they wait in memory, until the disk has space again."""

import logging
import time

from sqlalchemy.exc import DBAPIError

from bot.jobs.records import StoredFrame
from bot.storage import Store

log = logging.getLogger(__name__)


class LateFrames:
    """Frames that could not be stored, by job; they are tried again after a pause in seconds."""

    def __init__(self, store: Store, pause: float) -> None:
        self._store = store
        self._pause = pause
        self._frames: dict[int, list[StoredFrame]] = {}
        self._tried_again_at = 0.0
        """Monotonic time."""

    def __bool__(self) -> bool:
        """Return True if there are any."""
        return bool(self._frames)

    @property
    def bytes(self) -> int:
        """Their size."""
        return sum(len(each.content) for frames in self._frames.values() for each in frames)

    def of(self, job_id: int) -> list[StoredFrame]:
        """Return those of a job."""
        return self._frames.get(job_id, [])

    def keep(self, job_id: int, frames: list[StoredFrame]) -> None:
        """Keep all frames of a job that could not be stored."""
        if frames:
            self._frames[job_id] = frames
            self._tried_again_at = time.monotonic() + self._pause

    def drop(self, job_id: int) -> None:
        """Drop those of a job, which are stored or not wanted any more."""
        self._frames.pop(job_id, None)

    async def store(self) -> None:
        """Store them, if it is time; drop those of jobs that have ended."""
        if time.monotonic() < self._tried_again_at:
            return
        for job_id, frames in tuple(self._frames.items()):
            try:
                await self._store.lifecycle.add_frames(job_id, frames)
            except DBAPIError as error:
                self._tried_again_at = time.monotonic() + self._pause
                log_not_stored("frames were not stored", job_id, error)
                return
            self.drop(job_id)


def log_not_stored(what: str, job_id: int, error: DBAPIError) -> None:
    """Log that something of a job could not be stored."""
    log.warning(what, extra={"job": job_id, "cause": str(error.orig)})
