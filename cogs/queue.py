"""`/queue`: running and queued jobs, their owners, and when they will be done."""

import discord
from discord import app_commands

from bot.client import BotCog
from bot.languages.catalogue import Language
from bot.languages.message import Message, joined
from bot.submission.permissions import JobVisibility
from bot.ui import formatting, queue_text
from bot.ui.reader_language import private_language
from bot.ui.responses import defer, respond

_MOST = 15
"""Maximum number of jobs in one response."""


class Queue(BotCog):
    """Show the queue."""

    @app_commands.command()
    async def queue(self, interaction: discord.Interaction) -> None:
        """Show running and queued jobs, and when they will be done."""
        await defer(interaction)
        viewer = JobVisibility.of_interaction(interaction)
        await respond(interaction, self._text(viewer, private_language(interaction)))

    def _text(self, viewer: JobVisibility, language: Language) -> str:
        jobs = self._services.queue.jobs()
        reporter = self._services.reporter
        underway = {job.id: reporter.progress_of(job.id) for job in jobs}
        places = {job_id: each and each.location for job_id, each in underway.items()}
        seen = [job for job in jobs if viewer.can_see(job, places[job.id])]
        # Running jobs come first; the sort keeps the order of requests.
        seen.sort(key=lambda job: not getattr(underway[job.id], "begun", False))
        lines = [
            queue_text.in_queue_text(job, underway[job.id], reporter.eta(job.id))
            for job in seen[:_MOST]
        ]
        heading = self._heading(len(jobs), len(seen))
        return queue_text.list_text(heading, lines, len(seen), language)

    def _heading(self, count: int, seen: int) -> Message:
        if count == 0:
            return Message("The queue is empty: your picture would start right away.")
        throughput = self._services.throughput
        work = self._services.queue.remaining_work(throughput.slowness, throughput.speed)
        left = throughput.seconds(work)
        parts = [Message.counted("**{count} job**", "**{count} jobs**", seen)]
        if count > seen:
            parts.append(Message("{count} elsewhere", count=count - seen))
        if left is not None:
            time = formatting.duration(left)
            parts.append(Message("about {time} of work in all", time=time))
        return joined(" · ", parts)
