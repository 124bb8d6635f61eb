"""What the host does on the page. Each action is a form that leads back to the page."""

import logging
import re
from collections.abc import Awaitable, Callable
from functools import partial

from aiohttp import web
from sqlalchemy.exc import DBAPIError

from bot.errors import UserError
from bot.host_page.sessions import Sessions
from bot.jobs.job import JobState
from bot.jobs.records import JobRecord
from bot.services import Services
from bot.submission.host_decisions import HostDecisions
from bot.submission.permissions import Actor

log = logging.getLogger(__name__)

_HOST = Actor(0, is_moderator=True)
"""The host may act on every job."""
_LARGEST_ID = 2**63 - 1
_NOT_STORED = "Nothing was changed, because the database does not answer."


class ActionError(Exception):
    """An action that is not possible; the message says why."""


class Actions:
    """Carries out what the forms of the page ask for."""

    def __init__(self, sessions: Sessions) -> None:
        self.services: Services | None = None
        self._sessions = sessions
        self._repeated: dict[int, int] = {}
        """The jobs that failed and were queued again, and the jobs that they became."""

    def add_to(self, app: web.Application) -> None:
        """Add the routes."""
        actions: dict[str, Callable[[Services, dict[str, str]], Awaitable[str]]] = {
            "pause": self._pause,
            "continue": self._continue,
            "drain": self._drain,
            "paint-on": self._paint_on,
            "cancel": self._cancel,
            "repeat": self._repeat,
            "block": self._block,
            "unblock": self._unblock,
        }
        for name, action in actions.items():
            app.router.add_post(f"/actions/{name}", partial(self._act, action))

    async def _act(
        self,
        action: Callable[[Services, dict[str, str]], Awaitable[str]],
        request: web.Request,
    ) -> web.Response:
        session, values = await self._sessions.require_form(request)
        try:
            if self.services is None:
                raise ActionError("The bot is still starting.")
            session.said = await action(self.services, values)
            log.info("the host acted", extra={"action": session.said})
        except (ActionError, UserError) as error:
            session.said = str(error)
        except DBAPIError:
            session.said = _NOT_STORED
        return web.Response(status=303, headers={"Location": "/"})

    async def _pause(self, services: Services, _: dict[str, str]) -> str:
        await HostDecisions(services.store).pause(True)
        return "Paused: no new jobs are accepted until you go on, also after a restart."

    async def _continue(self, services: Services, _: dict[str, str]) -> str:
        await HostDecisions(services.store).pause(False)
        return "New jobs are accepted again."

    async def _drain(self, services: Services, _: dict[str, str]) -> str:
        services.queue.drain(True)
        return (
            "Draining: jobs that have begun are painted to their end. When none is left, the "
            "program can be restarted; the others wait for that."
        )

    async def _paint_on(self, services: Services, _: dict[str, str]) -> str:
        services.queue.drain(False)
        return "All jobs are painted again, and new ones are accepted."

    async def _cancel(self, services: Services, values: dict[str, str]) -> str:
        job_id = _number(values, "job")
        await services.control.cancel(job_id, _HOST)
        return f"Job #{job_id} is cancelled."

    async def _repeat(self, services: Services, values: dict[str, str]) -> str:
        job_id = _number(values, "job")
        if (again := self._repeated.get(job_id)) is not None:
            named = f", as job #{again}" if again else ""
            raise ActionError(f"It was queued again already{named}.")
        record = await services.store.jobs.get(job_id)
        if record is None or record.channel_id is None or await _is_erased(services, record):
            raise ActionError(f"Job #{job_id} or its recipe is not there any more.")
        if record.state is not JobState.FAILED:
            raise ActionError(f"Job #{job_id} has not failed.")
        self._repeated[job_id] = 0
        try:
            job = await services.submission.repeat(record)
        except BaseException:
            del self._repeated[job_id]
            raise
        self._repeated[job_id] = job.id
        return f"Job #{job_id} is queued again, as job #{job.id}."

    async def _block(self, services: Services, values: dict[str, str]) -> str:
        person = _number(values, "person")
        if not await HostDecisions(services.store).block(person):
            raise ActionError("So many people are blocked that no more can be.")
        return f"Nothing is painted for {person} any more. Their unfinished jobs stay."

    async def _unblock(self, services: Services, values: dict[str, str]) -> str:
        person = _number(values, "person")
        await HostDecisions(services.store).unblock(person)
        return f"{person} may paint again."


async def _is_erased(services: Services, record: JobRecord) -> bool:
    """Return True if the person has asked for the deletion of a job, which takes a while."""
    request = await services.store.personal_data.erasure(record.job.author_id)
    return request is not None and record.job.id <= request.last_job_id


def _number(values: dict[str, str], name: str) -> int:
    """Return an id in a form; raise `ActionError` for anything else."""
    text = values.get(name, "").strip()
    number = int(text) if re.fullmatch(r"[0-9]{1,19}", text) else 0
    if not 0 < number <= _LARGEST_ID:
        raise ActionError(f"That is no id of a {name}: it must be a number.")
    return number
