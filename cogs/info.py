"""`/info`: what you have left, your jobs, and what you prefer."""

import discord
from discord import app_commands

from bot.client import BotCog
from bot.languages.message import Message, joined
from bot.submission.account_text import account_text, job_line, jobs_heading
from bot.ui import queue_text
from bot.ui.reader_language import private_language
from bot.ui.responses import defer, respond

_MOST = 15
"""Maximum number of jobs in one response."""


class Info(BotCog):
    """Show a person what they have."""

    @app_commands.command()
    async def info(self, interaction: discord.Interaction) -> None:
        """Show how many pictures you have left, your jobs, and your settings."""
        await defer(interaction)
        services, user_id = self._services, interaction.user.id
        guild = await services.store.guild_settings.get(interaction.guild_id)
        account = await services.accounts.get(user_id, interaction.guild_id, guild)
        next_picture = await services.accounts.next_picture(account)
        preferences = await services.store.preferences.get(user_id)
        language = private_language(interaction)
        text = account_text(account, next_picture, preferences)
        heading, lines = joined("\n", (text, jobs_heading(account))), self._jobs(user_id)
        shown = queue_text.list_text(heading, lines[:_MOST], len(lines), language)
        await respond(interaction, shown)

    def _jobs(self, user_id: int) -> list[Message]:
        """Return a line for each of a person's jobs, those that are being painted first."""
        reporter = self._services.reporter
        jobs = [job for job in self._services.queue.jobs() if job.author_id == user_id]
        underway = {job.id: reporter.progress_of(job.id) for job in jobs}
        jobs.sort(key=lambda job: not getattr(underway[job.id], "begun", False))
        return [job_line(job, underway[job.id], reporter.eta(job.id)) for job in jobs]
