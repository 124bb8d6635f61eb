"""Text about what a user has, and may still ask for."""

from datetime import datetime

from bot.jobs.events import JobProgress
from bot.jobs.job import Job
from bot.languages.message import Message, joined
from bot.preferences import Preferences
from bot.scheduling.eta import Eta
from bot.submission.accounts import Account, PictureQuota
from bot.ui import formatting, job_text
from bot.ui.defaults_text import own_text
from engine.files import MEBIBYTE

_PROMPT = 60
"""Maximum length of a prompt in a list, in characters."""


def account_text(account: Account, next_picture: datetime | None, own: Preferences) -> Message:
    """Return what a user has, may have and prefers, without their jobs.

    `next_picture` is the time from which they may ask for a picture; None for now.
    """
    everywhere, *here = account.quotas
    lines = [_pictures(everywhere)]
    lines += [_pictures_here(quota) for quota in here if quota.most < everywhere.most]
    lines += [_left(account, next_picture), _space(account), own_text(own)]
    return joined("\n", lines)


def jobs_heading(account: Account) -> Message:
    """Return how many unfinished jobs a user has, and may have."""
    usage, host, here = account.usage, account.host.jobs_per_person, account.here.jobs_per_person
    text = Message(
        "**Your jobs** · {jobs} of {most} waiting or running", jobs=usage.user_jobs, most=host
    )
    if here >= host:
        return text
    in_guild = Message("{jobs} of {most} in this server", jobs=usage.user_guild_jobs, most=here)
    return joined(" · ", (text, in_guild))


def job_line(job: Job, underway: JobProgress | None, eta: Eta | None) -> Message:
    """Return one of a user's jobs with its place in the queue and its times."""
    number = f"#{job.id}" if underway is None else f"[#{job.id}]({underway.location.url})"
    begun = underway is not None and underway.begun
    prompt = formatting.escape_prompt(job.prompt, _PROMPT)
    parts: list[Message | str] = [f"- {number}", prompt, _place(job, underway, eta)]
    if eta is not None and eta.start is not None and not begun:
        parts.append(Message("starts {when}", when=formatting.relative_time(eta.start)))
    if eta is not None and eta.end is not None:
        parts.append(Message("done {when}", when=formatting.relative_time(eta.end)))
    return joined(" · ", parts)


def _place(job: Job, underway: JobProgress | None, eta: Eta | None) -> Message:
    if underway is not None and underway.progress is not None:
        return job_text.step_text(job, underway.progress)
    if underway is not None and underway.begun:
        return Message("running")
    if eta is None:
        return Message("waiting")
    if eta.jobs_ahead == 0:
        return Message("next in line")
    return Message.counted("behind {count} job", "behind {count} jobs", eta.jobs_ahead)


def _pictures(quota: PictureQuota) -> Message:
    return Message(
        "You asked for {used} of {most} pictures in the last 24 hours.",
        used=quota.used,
        most=quota.most,
    )


def _pictures_here(quota: PictureQuota) -> Message:
    return Message(
        "In this server you asked for {used} of {most} pictures in the last 24 hours.",
        used=quota.used,
        most=quota.most,
    )


def _left(account: Account, next_picture: datetime | None) -> Message:
    if next_picture is not None:
        when = formatting.relative_time(next_picture)
        return Message("You can ask for the next one {when}.", when=when)
    return Message.counted(
        "You can ask for {count} more picture now.",
        "You can ask for {count} more pictures now.",
        min(quota.left for quota in account.quotas),
    )


def _space(account: Account) -> Message:
    stored = f"{account.stored_bytes / MEBIBYTE:.1f} MiB"
    most = f"{account.person_mib} MiB"
    if not account.person_mib:
        return Message("I have {stored} of your pictures stored.", stored=stored)
    if account.stored_bytes >= account.person_mib * MEBIBYTE:
        return Message(
            "I have {stored} of your pictures stored, and {most} is the most. I delete your oldest "
            "ones within the hour.",
            stored=stored,
            most=most,
        )
    return Message(
        "I have {stored} of your pictures stored, of at most {most}.", stored=stored, most=most
    )
