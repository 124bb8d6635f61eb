"""`/queue`: running and queued jobs, their owners, and when they will be done."""

import discord
from discord import app_commands

from bot.client import BotCog
from bot.jobs.events import JobProgress
from bot.jobs.job import Job
from bot.submission.permissions import JobVisibility
from bot.ui import formatting, queue_text
from bot.ui.responses import defer, respond

_MOST = 15
"""Maximum number of jobs in one response."""


class Queue(BotCog):
    """Show the queue."""

    @app_commands.command()
    async def queue(self, interaction: discord.Interaction) -> None:
        """Show running and queued jobs, and when they will be done."""
        await defer(interaction)
        await respond(interaction, self._text(JobVisibility.of_interaction(interaction)))

    def _text(self, viewer: JobVisibility) -> str:
        jobs = self._services.queue.jobs()
        underway = {job.id: self._services.reporter.progress_of(job.id) for job in jobs}
        seen = [job for job in jobs if _is_seen(viewer, job, underway[job.id])]
        # Running jobs come first; the sort keeps the order of requests.
        seen.sort(key=lambda job: not getattr(underway[job.id], "begun", False))
        lines = [self._line(job, underway[job.id]) for job in seen[:_MOST]]
        return queue_text.list_text(self._heading(len(jobs), len(seen)), lines, len(seen))

    def _heading(self, count: int, seen: int) -> str:
        if count == 0:
            return "The queue is empty: your picture would start right away."
        left = self._services.throughput.seconds(self._services.queue.remaining_cost())
        text = f"**{formatting.plural(seen, 'job')}**"
        if count > seen:
            text += f" · {count - seen} elsewhere"
        return text + (
            "" if left is None else f" · about {formatting.duration_text(left)} of work in all"
        )

    def _line(self, job: Job, underway: JobProgress | None) -> str:
        forecast = self._services.reporter.eta(job.id)
        return queue_text.in_queue_text(job, underway, forecast)


def _is_seen(viewer: JobVisibility, job: Job, underway: JobProgress | None) -> bool:
    return viewer.can_see(job, None if underway is None else underway.location)
