"""The private answer to a request: when its pictures will be ready, until they are.

Discord lets it be changed for 15 minutes; after that, or after a restart, it stays as it is.
"""

import asyncio
from contextvars import copy_context
from typing import Any

import discord

from bot.delivery.reporter import Reporter
from bot.delivery.reporting import Told
from bot.jobs.job import JobState
from bot.languages.catalogue import Language
from bot.languages.message import Message, in_language, joined
from bot.submission.submit import Queued
from bot.ui import queue_text
from bot.ui.loading_text import download_text
from bot.ui.reader_language import private_language
from bot.ui.responses import Answer, replace_response, send_response


async def answer_queued(
    interaction: discord.Interaction[Any], queued: Queued, *, in_place: bool = False
) -> None:
    """Tell a person when their job will be ready, and delete that when its end is told.

    With `in_place` the answer replaces the message whose button was pressed.
    """
    services = interaction.client.services
    reporter: Reporter = services.reporter
    report, url = reporter.report_on(queued.message.id), queued.message.jump_url
    if report is None:
        text = queue_text.over_text(url)
    else:
        text = queue_text.queued_text(report.job, reporter.eta(report.job.id), url)
    send = replace_response if in_place else send_response
    downloads = services.loading.downloads
    waits = None if downloads is None else download_text(downloads)
    answer = await send(interaction, joined("\n", (text, waits, queued.notice)))
    if answer is not None:
        end = _when_told(answer, queued.notice, private_language(interaction))
        if report is None or not report.call_when_told(end):
            await end(JobState.DONE, url)


def _when_told(answer: Answer, notice: Message | str, language: Language) -> Told:
    """Return what becomes of an answer when the job's end is told.

    A notice stays, because the person may not have read it yet.
    """

    context = copy_context()  # in which discord.py finds how to change responses

    async def end(state: JobState, url: str | None) -> None:
        await asyncio.create_task(change(state, url), context=context)

    async def change(state: JobState, url: str | None) -> None:
        if notice and url is not None and state is not JobState.CANCELLED:
            text = joined("\n", (queue_text.over_text(url), notice))
            await answer.edit(content=in_language(text, language))
        else:
            await answer.delete()

    return end
