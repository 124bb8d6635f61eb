"""`/queue`: what is painted, what waits, whose it is, and when it is done."""

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import PaintingBot
from bot.jobs.events import Underway
from bot.jobs.job import Job
from bot.submission.permissions import Viewer
from bot.ui import formatting, queue_text
from bot.ui.responses import acknowledge, answer, refusals_answered

_MOST = 15
"""Jobs in one answer."""


class Queue(commands.Cog):
    """Show the queue."""

    def __init__(self, bot: PaintingBot) -> None:
        self._services = bot.services

    @app_commands.command()
    async def queue(self, interaction: discord.Interaction) -> None:
        """What is being painted, what waits, and how long."""
        async with refusals_answered(interaction):
            await acknowledge(interaction)
            await answer(interaction, self._text(Viewer.of_interaction(interaction)))

    def _text(self, viewer: Viewer) -> str:
        jobs = self._services.queue.jobs()
        underway = {job.id: self._services.reporter.underway(job.id) for job in jobs}
        seen = [job for job in jobs if _is_seen(viewer, job, underway[job.id])]
        # What has begun comes first, and otherwise the order is that of asking.
        seen.sort(key=lambda job: not getattr(underway[job.id], "begun", False))
        lines = [self._line(job, underway[job.id]) for job in seen[:_MOST]]
        return queue_text.listed(self._heading(len(jobs), len(seen)), lines, len(seen))

    def _heading(self, count: int, seen: int) -> str:
        if count == 0:
            return "Nothing waits: what you ask for is painted at once."
        left = self._services.pace.seconds(self._services.queue.units())
        text = f"**{seen} job{'s' * (seen != 1)}**"
        if count > seen:
            text += f" · {count - seen} elsewhere"
        return text + (
            "" if left is None else f" · about {formatting.duration(left)} of work in all"
        )

    def _line(self, job: Job, underway: Underway | None) -> str:
        forecast = self._services.reporter.forecast(job.id)
        return queue_text.in_queue(job, underway, forecast)


def _is_seen(viewer: Viewer, job: Job, underway: Underway | None) -> bool:
    return viewer.sees(job, None if underway is None else underway.place)


async def setup(bot: PaintingBot) -> None:
    """Called by discord.py when the cog is loaded."""
    await bot.add_cog(Queue(bot))
