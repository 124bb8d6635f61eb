"""`/cancel`: cancel queued or running jobs, one's own or, for moderators, those of a channel."""

import re
from collections.abc import Iterator

import discord
from discord import app_commands
from discord.app_commands import Choice

from bot.client import BotCog
from bot.errors import UserError
from bot.jobs.job import Job
from bot.languages.catalogue import Language
from bot.languages.message import Message, joined
from bot.submission.permissions import Actor, JobVisibility
from bot.ui import queue_text
from bot.ui.reader_language import private_language
from bot.ui.responses import defer, respond

_ALL, _EVERYBODYS = "all", "all-of-server"
_NUMBER = re.compile(r"#?([1-9][0-9]{0,17})")
_MAX_CHOICES = 25
_NOTHING = Message("Choose one of the jobs in the list, `all`, or a person.")
_NOBODYS = Message("There are no queued or running jobs in channels that you moderate here.")
_NONE_OF_THEIRS = Message("They have no queued or running jobs in channels that you moderate here.")
_NOT_MODERATOR = Message(
    "Only moderators can cancel the jobs of others: those with Manage Messages, in the channels "
    "where they have it."
)
_BEING_PAINTED = Message.in_context("entry", "being painted")
_WAITING = Message.in_context("entry", "waiting")
_SOMEONE_ELSES = Message.in_context("entry", "someone else's")


class Cancel(BotCog):
    """Cancel jobs."""

    @app_commands.command()
    @app_commands.describe(
        job="Which job. all cancels all of yours",
        person="Whose jobs, all of them. Moderators can choose other people",
    )
    async def cancel(
        self,
        interaction: discord.Interaction,
        job: str | None = None,
        person: discord.User | None = None,
    ) -> None:
        """Cancel queued or running jobs."""
        await defer(interaction)
        viewer = JobVisibility.of_interaction(interaction)
        chosen = (job or "").strip().lower()
        if person is not None and chosen not in ("", _ALL):
            raise UserError(Message("Choose a job or a person, not both."))
        if person is not None and person.id != interaction.user.id:
            text = await self._cancel_moderated(interaction, viewer, person)
        elif chosen == _EVERYBODYS:
            text = await self._cancel_moderated(interaction, viewer)
        elif person is not None or chosen == _ALL:
            own = filter(viewer.owns, self._services.queue.jobs())
            actor = Actor(viewer.user.id)
            text = queue_text.cancelled_text(await self._services.control.cancel_all(own, actor))
        else:
            text = queue_text.cancelled_text([await self._cancel(viewer, chosen)])
        await respond(interaction, text)

    @cancel.autocomplete("job")
    async def _jobs(self, interaction: discord.Interaction, typed: str) -> list[Choice[str]]:
        viewer, jobs = JobVisibility.of_interaction(interaction), self._services.queue.jobs()
        language = private_language(interaction)
        own = [job for job in jobs if viewer.owns(job)]
        choices = [self._choice(job, language) for job in own if _matches(job, typed)]
        if len(own) > 1 and typed.lower() in _ALL:
            name = Message.in_context("entry", "All of yours ({count})", count=len(own))
            choices.insert(0, Choice(name=name.in_language(language), value=_ALL))
        moderated = list(self._moderated(viewer))
        others = [job for job in moderated if not viewer.owns(job)]
        matching = (job for job in others if _matches(job, typed))
        choices += [self._choice(job, language, _SOMEONE_ELSES) for job in matching]
        if len(others) > 1 and typed.lower() in _EVERYBODYS:
            name = Message.in_context(
                "entry", "All of this server that you moderate ({count})", count=len(moderated)
            )
            everything = Choice(name=name.in_language(language), value=_EVERYBODYS)
            return [*choices[: _MAX_CHOICES - 1], everything]
        return choices[:_MAX_CHOICES]

    def _choice(self, job: Job, language: Language, whose: Message | None = None) -> Choice[str]:
        underway = self._services.reporter.progress_of(job.id)
        is_begun = underway is not None and underway.begun
        state = joined(" · ", (_BEING_PAINTED if is_begun else _WAITING, whose))
        return Choice(name=queue_text.choice_text(job, state, language), value=str(job.id))

    def _moderated(self, viewer: JobVisibility) -> Iterator[Job]:
        """Yield the jobs in channels that a person moderates."""
        for job in self._services.queue.jobs():
            underway = self._services.reporter.progress_of(job.id)
            if underway is not None and viewer.is_moderator(underway.location):
                yield job

    async def _cancel(self, viewer: JobVisibility, typed: str) -> Job:
        """Cancel the job whose number was typed."""
        found = _NUMBER.fullmatch(typed)
        if found is None:
            raise UserError(_NOTHING)
        record = await self._services.control.job(int(found[1]))
        await self._services.control.cancel(record.job.id, viewer.actor(record.location))
        return record.job

    async def _cancel_moderated(
        self,
        interaction: discord.Interaction,
        viewer: JobVisibility,
        person: discord.User | None = None,
    ) -> Message | str:
        """Cancel the jobs of a person, or of everybody, in channels that a moderator has."""
        jobs = [
            job for job in self._moderated(viewer) if person is None or job.author_id == person.id
        ]
        if not jobs and not _moderates(interaction):
            raise UserError(_NOT_MODERATOR)
        actor = Actor(viewer.user.id, is_moderator=True)
        cancelled = await self._services.control.cancel_all(jobs, actor)
        return queue_text.cancelled_text(cancelled, _NOBODYS if person is None else _NONE_OF_THEIRS)


def _moderates(interaction: discord.Interaction) -> bool:
    """Return True if a person moderates the channel in which they give a command."""
    return Actor.of_interaction(interaction).is_moderator


def _matches(job: Job, typed: str) -> bool:
    return typed.lower() in f"#{job.id} {job.prompt}".lower()
