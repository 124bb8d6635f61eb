"""`/status`: models, device, queue and uptime."""

import discord
from discord import app_commands

from bot.client import BotCog
from bot.ui import formatting
from bot.ui.responses import respond


class Status(BotCog):
    """Show how the bot is doing."""

    @app_commands.command()
    async def status(self, interaction: discord.Interaction) -> None:
        """Show the models, the device, the queue and the start time."""
        jobs = self._services.queue.jobs()
        left = self._services.throughput.seconds(self._services.queue.remaining_cost())
        installed = ", ".join(self._services.settings.engine.installed)
        lines = [
            f"**Models** {installed} on {self._services.device}",
            f"**Queue** {formatting.plural(len(jobs), 'job')}"
            + (
                f", about {formatting.duration_text(left)} of work"
                if jobs and left is not None
                else ""
            ),
            f"**Started** {discord.utils.format_dt(self._services.started, 'R')}",
        ]
        if self._bot.latency == self._bot.latency:  # NaN before the first heartbeat
            lines.append(f"**Latency** {1000 * self._bot.latency:.0f} ms")
        await respond(interaction, "\n".join(lines))
