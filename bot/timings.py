"""Pauses and time limits of the bot's work that are handed in, so that tests can choose them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Timings:
    """Pauses and time limits in seconds, all at least 0."""

    call_seconds: float = 60.0
    """Seconds after which a call to Discord counts as failed."""
    announce_seconds: float = 20.0
    """Seconds for which a person waits until Discord accepts the message about their job."""
    stale_seconds: float = 2.0
    """Seconds after which a press that nothing answers is answered; Discord waits for three."""
    thread_seconds: float = 5.0
    """Seconds that a job's messages wait for its thread; it is queued before."""
    connect_pause: float = 1.0
    """Seconds between the first two attempts to reach Discord at the start; later pauses grow."""
    post_pause: float = 1.0
    """Seconds between the first two attempts to post a result; each pause is twice the previous."""
    filter_pause: float = 10.0
    """Seconds before a picture filter that failed judges a result again; later pauses grow."""
    waiting_seconds: float = 10.0
    """Minimum seconds between two edits of a queued job's message."""
    refresh_seconds: float = 10.0
    """Seconds between two ETA refreshes of all jobs."""
    device_seconds: float = 600.0
    """Seconds that a job waits for a device like the one that began it, if one may come."""
    checkpoint_seconds: float = 10.0
    """Seconds of a job's engine time between two checkpoints."""
    locked_seconds: float = 5.0
    """Seconds that a call waits for a database that another program has locked."""
    store_seconds: float = 5.0
    """Seconds after which what could not be stored is tried again, and people hear of it."""
    deletion_seconds: float = 0.5
    """Seconds before the first attempt to delete a message; later pauses grow fourfold."""
    tidy_seconds: float = 0.0
    """Seconds after the start before old content is deleted for the first time."""
    erasure_seconds: float = 2.0
    """Seconds before an erasure tries jobs again whose result was just being posted."""
    export_pause: float = 1.0
    """Seconds before the second attempt to send an exported file; later pauses grow fourfold."""
    end_seconds: float = 8.0
    """Seconds to wait for the end of a job that is being stopped."""
    moderation_seconds: float = 5.0
    """Seconds for which lines of a moderation log are collected before they are posted."""
    brief_seconds: float = 30.0
    """Seconds after which a public reply meant for one person is deleted."""
    question_seconds: float = 300.0
    """Seconds after which a public question for one person is deleted."""
    refusal_seconds: float = 60.0
    """Seconds within which a person is told publicly only once per channel why something failed."""
    event_seconds: float = 600.0
    """Seconds within which a message or reaction that Discord delivers again is ignored."""
    debounce_seconds: float = 3.0
    """Seconds within which the same follow-up of one user counts once."""
    presence_seconds: float = 20.0
    """Seconds between two changes of the line under the bot's name."""
    gallery_seconds: float = 30.0
    """Seconds between two looks for pictures and channels that are new to the gallery."""
    file_seconds: float = 20.0
    """Seconds that reading a file from a person may take."""
    clip_seconds: float = 90.0
    """The same for a video."""
    pulse_seconds: float = 5.0
    """Seconds between two signs of life between the bot and a painter in another process."""
    lost_seconds: float = 15.0
    """Seconds without an answer after which such a painter counts as lost."""
    loading_seconds: float = 120.0
    """The same while it loads models, which can keep a process from answering."""
    orphan_seconds: float = 60.0
    """Seconds without a sign of the bot after which such a painter ends itself."""
    hire_seconds: float = 2.0
    """Seconds between two looks at a cluster for devices that have no painter."""
    cluster_pause: float = 5.0
    """Seconds between two attempts to reach a cluster."""
    retry_seconds: float = 60.0
    """Seconds before a painter that could not load its models is tried again."""
