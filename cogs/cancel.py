"""`/cancel`: cancel queued or running jobs, one's own or, for moderators, those of a channel."""

import re

import discord
from discord import app_commands
from discord.app_commands import Choice

from bot.client import BotCog
from bot.errors import UserError
from bot.jobs.job import Job
from bot.submission.permissions import Actor, JobVisibility
from bot.ui import queue_text
from bot.ui.responses import defer, respond

_ALL = "all"
_NUMBER = re.compile(r"#?([1-9][0-9]{0,17})")
_MAX_CHOICES = 25


class Cancel(BotCog):
    """Cancel jobs."""

    @app_commands.command()
    @app_commands.describe(job="Which job. all cancels all of yours")
    async def cancel(self, interaction: discord.Interaction, job: str) -> None:
        """Cancel a queued or running job."""
        await defer(interaction)
        viewer = JobVisibility.of_interaction(interaction)
        if job.strip().lower() == _ALL:
            cancelled = await self._cancel_all(viewer)
        else:
            cancelled = [await self._cancel(viewer, job)]
        await respond(interaction, queue_text.cancelled_text(cancelled))

    @cancel.autocomplete("job")
    async def _jobs(self, interaction: discord.Interaction, typed: str) -> list[Choice[str]]:
        viewer, jobs = JobVisibility.of_interaction(interaction), self._services.queue.jobs()
        own = [job for job in jobs if viewer.owns(job)]
        choices = [self._choice(job, "") for job in own if _matches(job, typed)]
        if len(own) > 1 and typed.lower() in _ALL:
            choices.insert(0, Choice(name=f"All of yours ({len(own)})", value=_ALL))
        for job in jobs:  # can be thousands
            if len(choices) >= _MAX_CHOICES:
                break
            if viewer.owns(job) or not _matches(job, typed):
                continue
            underway = self._services.reporter.progress_of(job.id)
            if underway is not None and viewer.is_moderator(underway.location):
                choices.append(self._choice(job, " · someone else's"))
        return choices[:_MAX_CHOICES]

    def _choice(self, job: Job, whose: str) -> Choice[str]:
        underway = self._services.reporter.progress_of(job.id)
        state = "being painted" if underway is not None and underway.begun else "waiting"
        return Choice(name=queue_text.choice_text(job, f"{state}{whose}"), value=str(job.id))

    async def _cancel(self, viewer: JobVisibility, typed: str) -> Job:
        """Cancel the job whose number was typed."""
        found = _NUMBER.fullmatch(typed.strip())
        if found is None:
            raise UserError("Choose one of the jobs in the list, or `all`.")
        record = await self._services.control.job(int(found[1]))
        await self._services.control.cancel(record.job.id, viewer.actor(record.location))
        return record.job

    async def _cancel_all(self, viewer: JobVisibility) -> list[Job]:
        """Cancel all of a person's jobs, except those that end in the meantime."""
        cancelled: list[Job] = []
        for job in filter(viewer.owns, self._services.queue.jobs()):
            try:
                await self._services.control.cancel(job.id, Actor(viewer.user.id))
            except UserError:
                continue
            cancelled.append(job)
        return cancelled


def _matches(job: Job, typed: str) -> bool:
    return typed.lower() in f"#{job.id} {job.prompt}".lower()
