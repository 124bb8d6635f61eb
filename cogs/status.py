"""`/status`: models, device, painters, queue and uptime."""

import discord
from discord import app_commands

from bot.client import BotCog
from bot.languages.message import Message, joined
from bot.submission.permissions import JobVisibility
from bot.ui import formatting
from bot.ui.loading_text import check_text, loading_text
from bot.ui.painters_text import doing_text, painter_text
from bot.ui.responses import respond
from engine.settings import EngineSettings

_MOST = 12
"""Maximum number of painters in a response."""


class Status(BotCog):
    """Show how the bot is doing."""

    @app_commands.command()
    async def status(self, interaction: discord.Interaction) -> None:
        """Show the models, the device, the queue and the start time."""
        jobs = self._services.queue.jobs()
        throughput = self._services.throughput
        work = self._services.queue.remaining_work(throughput.slowness, throughput.speed)
        left = throughput.seconds(work)
        engine = self._services.settings.engine
        installed = ", ".join(engine.all_installed)
        loading = self._services.loading
        device = loading.device or "…"
        lines: list[Message] = [
            Message("**Models** {models} on {device}", models=installed, device=device),
            *_editing(engine),
            *self._painters(JobVisibility.of_interaction(interaction)),
            _queue_text(len(jobs), left),
            Message("**Started** {when}", when=formatting.relative_time(self._services.started)),
        ]
        if self._bot.latency == self._bot.latency:  # NaN before the first heartbeat
            latency = round(1000 * self._bot.latency)
            lines.append(Message("**Latency** {milliseconds} ms", milliseconds=latency))
        if loading.device is None:
            lines.append(loading_text(loading))
        lines += [check_text(*each) for each in list(loading.verdicts.items())]
        await respond(interaction, joined("\n", lines))

    def _painters(self, viewer: JobVisibility) -> list[Message]:
        """Return what each painter does, if there are several."""
        services = self._services
        painters = services.worker.all
        if len(painters) == 1:
            return []
        lines: list[Message] = []
        is_here = not services.settings.cluster.address
        planned = services.settings.engine.devices if is_here else ("…",) * len(painters)
        for painter, device in zip(painters[:_MOST], planned, strict=False):
            jobs = painter.jobs()
            underway = {job.id: services.reporter.progress_of(job.id) for job in jobs}
            places = {job_id: each and each.location for job_id, each in underway.items()}
            seen = [job for job in jobs if viewer.can_see(job, places[job.id])]
            is_ready = painter.device is not None
            doing = doing_text(
                seen, len(jobs) - len(seen), is_ready=is_ready, is_alive=painter.is_alive()
            )
            memory = painter.memory(services.settings.engine.models)
            size = None if memory is None else memory.bytes
            lines.append(painter_text(len(lines) + 1, painter.device or device, doing, size))
        if len(painters) > _MOST:
            lines.append(
                Message.counted("and {count} more", "and {count} more", len(painters) - _MOST)
            )
        return lines


def _editing(engine: EngineSettings) -> list[Message]:
    """Return which models edit pictures from elsewhere, if they are others than the main ones."""
    if engine.editing == engine.models:
        return []
    return [Message("**Edits** of pictures from elsewhere: {models}", models=engine.editing)]


def _queue_text(jobs: int, left: float | None) -> Message:
    """Return how many jobs there are, and how many seconds of work are left in them, if known."""
    if not jobs or left is None:
        return Message.counted("**Queue** {count} job", "**Queue** {count} jobs", jobs)
    return Message.counted(
        "**Queue** {count} job, about {time} of work",
        "**Queue** {count} jobs, about {time} of work",
        jobs,
        time=formatting.duration(left),
    )
