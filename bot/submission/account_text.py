"""Text about what a user has, and may still ask for."""

from datetime import datetime

from bot.jobs.events import JobProgress
from bot.jobs.job import Job
from bot.preferences import Preferences
from bot.scheduling.eta import Eta
from bot.submission.accounts import Account, PictureQuota
from bot.ui import formatting, job_text
from bot.ui.defaults_text import own_text
from engine.files import MEBIBYTE

_PROMPT = 60
"""Maximum length of a prompt in a list, in characters."""


def account_text(account: Account, next_picture: datetime | None, own: Preferences) -> str:
    """Return what a user has, may have and prefers, without their jobs.

    `next_picture` is the time from which they may ask for a picture; None for now.
    """
    everywhere, *here = account.quotas
    lines = [_pictures(everywhere)]
    lines += [_pictures_here(quota) for quota in here if quota.most < everywhere.most]
    lines += [_left(account, next_picture), _space(account), own_text(own)]
    return "\n".join(lines)


def jobs_heading(account: Account) -> str:
    """Return how many unfinished jobs a user has, and may have."""
    usage, host, here = account.usage, account.host.jobs_per_person, account.here.jobs_per_person
    text = f"**Your jobs** · {usage.user_jobs} of {host} waiting or running"
    return f"{text} · {usage.user_guild_jobs} of {here} in this server" if here < host else text


def job_line(job: Job, underway: JobProgress | None, eta: Eta | None) -> str:
    """Return one of a user's jobs with its place in the queue and its times."""
    number = f"#{job.id}" if underway is None else f"[#{job.id}]({underway.location.url})"
    begun = underway is not None and underway.begun
    parts = [number, formatting.escape_prompt(job.prompt, _PROMPT), _place(job, underway, eta)]
    if eta is not None and eta.start is not None and not begun:
        parts.append(f"starts {formatting.relative_time(eta.start)}")
    if eta is not None and eta.end is not None:
        parts.append(f"done {formatting.relative_time(eta.end)}")
    return f"- {' · '.join(parts)}"


def _place(job: Job, underway: JobProgress | None, eta: Eta | None) -> str:
    if underway is not None and underway.progress is not None:
        return job_text.step_text(job, underway.progress)
    if underway is not None and underway.begun:
        return "running"
    if eta is None:
        return "waiting"
    if eta.jobs_ahead == 0:
        return "next in line"
    return f"behind {formatting.plural(eta.jobs_ahead, 'job')}"


def _pictures(quota: PictureQuota) -> str:
    return f"You asked for {quota.used} of {quota.most} pictures in the last 24 hours."


def _pictures_here(quota: PictureQuota) -> str:
    return (
        f"In this server you asked for {quota.used} of {quota.most} pictures in the last 24 hours."
    )


def _left(account: Account, next_picture: datetime | None) -> str:
    if next_picture is not None:
        return f"You can ask for the next one {formatting.relative_time(next_picture)}."
    left = min(quota.left for quota in account.quotas)
    return f"You can ask for {formatting.plural(left, 'more picture')} now."


def _space(account: Account) -> str:
    stored = f"{account.stored_bytes / MEBIBYTE:.1f} MiB"
    if not account.person_mib:
        return f"I have {stored} of your pictures stored."
    if account.stored_bytes >= account.person_mib * MEBIBYTE:
        return (
            f"I have {stored} of your pictures stored, and {account.person_mib} MiB is the most. "
            "I delete your oldest ones within the hour."
        )
    return f"I have {stored} of your pictures stored, of at most {account.person_mib} MiB."
