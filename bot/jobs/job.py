"""Jobs: the accepted commands that pass from Discord to the engine.

The engine thread reports on them in `bot.jobs.events`.
"""

from dataclasses import dataclass
from enum import StrEnum

from bot.languages.catalogue import Language, language_of
from bot.languages.message import Message
from engine.recipes.kinds import AnyRecipe


class JobState(StrEnum):
    """The state of a job. All but the first two are final."""

    QUEUED = "queued"
    """Not started yet."""
    RUNNING = "running"
    """Started; the job may be waiting for its next slice, or for a restart of the program."""
    DONE = "done"
    STOPPED = "stopped"
    """Ended early by a user; the pictures are stored as they were."""
    CANCELLED = "cancelled"
    FAILED = "failed"


UNFINISHED = (JobState.QUEUED, JobState.RUNNING)
WITH_PICTURES = (JobState.DONE, JobState.STOPPED)


@dataclass(frozen=True)
class JobLocation:
    """The channels and the message in which a job is announced."""

    guild_id: int | None
    """The server; None in direct messages."""
    channel_id: int
    """The channel of the command."""
    post_id: int
    """The channel of the results: the job's thread, or `channel_id`."""
    message_id: int
    """The announcement in `channel_id`, on which the thread was opened if there is one."""

    @property
    def has_thread(self) -> bool:
        """Whether a thread was opened for the job."""
        return self.post_id != self.channel_id

    @property
    def url(self) -> str:
        """The URL of the announcement."""
        return message_url(self.guild_id, self.channel_id, self.message_id)


def message_url(guild_id: int | None, channel_id: int, message_id: int) -> str:
    """Return the URL of a message; `guild_id` is None in direct messages."""
    return f"https://discord.com/channels/{guild_id or '@me'}/{channel_id}/{message_id}"


@dataclass(frozen=True)
class Job:
    """An accepted command: one picture for each recipe, in their order."""

    id: int
    author_id: int
    prompt: str
    """The prompt as the user typed it."""
    recipes: tuple[AnyRecipe, ...]
    kind: str = "imagine"
    """What made the job: "imagine", "edit", "rerun", "vary", "more" and so on."""
    parent_id: int | None = None
    """The id of the job that it came from, which may be deleted."""
    guild_id: int | None = None
    """The server; None in direct messages."""
    weight: float = 1.0
    """The author's share of painting time when the job was accepted."""
    spoiler: bool = False
    """Whether its pictures are posted as spoilers, because a picture that it was made from was."""
    locale: str | None = None
    """Discord's name of the language of its public messages; None for English."""
    author_locale: str | None = None
    """The same for what only its author gets, as far as known."""
    keeps_best: bool = False
    """Whether the best of its pictures is shown large, and the others on a sheet."""
    borrowed: bool = False
    """Whether it is made from a picture, or the words, of somebody else."""

    @property
    def language(self) -> Language:
        """The language of its public messages."""
        return language_of(self.locale)

    @property
    def author_language(self) -> Language:
        """The language of what only its author gets."""
        return language_of(self.author_locale or self.locale)


@dataclass(frozen=True)
class JobOrigin:
    """How a new job comes about."""

    kind: str = "imagine"
    parent_id: int | None = None
    """The job that it comes from."""
    resumes: bool = False
    """True if it starts from its parent's last checkpoints, which have the same recipes."""
    picture: int | None = None
    """The number, from 1, of the parent's only picture that it continues; None for all."""
    spoiler: bool = False
    """Whether a picture that it is made from was marked as a spoiler."""
    borrowed: bool = False
    """Whether a picture that it is made from is somebody else's; the store adds what its parent
    says about that."""
    notice: Message | str = ""
    """Sentences about what may not be expected, which all messages of the job show, or ""."""
    keeps_best: bool = False
    """Whether the best of its pictures is shown large."""
    has_new_words: bool = True
    """Whether someone typed its words for it; false for those of a picture that exists."""


NEW_JOB = JobOrigin()
"""The origin of a job that comes from no other job."""
