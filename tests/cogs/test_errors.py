"""Errors that people did not cause: logged with their cause, and told without it."""

from pathlib import Path
from typing import NoReturn

import pytest

from bot.errors import FAULT
from bot.submission.submit import JobSubmission
from tests.harness.bot_harness import ephemeral_text, make_settings, open_bot, result_of


async def test_faults_are_logged_and_told_without_their_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def fail(*_: object) -> NoReturn:
        raise RuntimeError("a fault")

    with pytest.raises(BaseExceptionGroup, match="the bot failed"):
        async with open_bot(make_settings(tmp_path)) as bot:
            await bot.imagine(steps=1)
            result = await result_of(bot)
            form = await bot.alice.click(result, label="Edit prompt")
            monkeypatch.setattr(JobSubmission, "submit", fail)
            answers = (
                await bot.imagine(steps=1),
                await bot.alice.click(result, label="Rerun"),
                await bot.alice.submit_modal(form, {"prompt": "a green ring"}),
            )
            assert all(ephemeral_text(each) == str(FAULT) for each in answers)
    causes = [str(each.exc_info[1]) for each in caplog.records if each.exc_info]
    assert causes.count("a fault") == 3
