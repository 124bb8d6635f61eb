"""Errors that people did not cause: logged with their cause, and told without it."""

from pathlib import Path
from typing import NoReturn

import pytest

from bot.errors import FAULT
from bot.submission.submit import JobSubmission
from tests.harness.bot_harness import make_settings, open_studio, result_of, told


async def test_faults_are_logged_and_told_without_their_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def fail(*_: object) -> NoReturn:
        raise RuntimeError("a fault")

    with pytest.raises(BaseExceptionGroup, match="the bot failed"):
        async with open_studio(make_settings(tmp_path)) as studio:
            await studio.imagine(steps=1)
            result = await result_of(studio)
            form = await studio.alice.click(result, label="Edit prompt")
            monkeypatch.setattr(JobSubmission, "submit", fail)
            answers = (
                await studio.imagine(steps=1),
                await studio.alice.click(result, label="Rerun"),
                await studio.alice.submit_modal(form, {"prompt": "a green ring"}),
            )
            assert all(told(each) == FAULT for each in answers)
    causes = [str(each.exc_info[1]) for each in caplog.records if each.exc_info]
    assert causes.count("a fault") == 3
