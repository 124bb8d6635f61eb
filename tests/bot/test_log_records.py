"""What the bot logs while people use it: documented records, and one line for each job's end."""

import json
import logging
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from bot.config import BotSettings, LogSettings
from bot.log import set_up_logging
from bot.log.fields import FIELDS, problems
from bot.log.formats import JsonFormat
from bot.log.schema import field_table, record_schema
from bot.log.texts import Texts
from bot.reading.file_process import FileProcess
from bot.storage.connection import DATABASE
from bot.submission.permissions import Actor
from engine.vqgan_clip.generation import Generation
from tests.harness.bot_harness import (
    PROMPT,
    BotHarness,
    job_in_progress,
    result_of,
    steps_held,
    until,
)
from tests.harness.interactions import NEVER_FINISHES
from tests.harness.log_calls import calls_in, log_calls
from tests.harness.restartable_bot import open_restartable_bot

DOCUMENTS = Path(__file__).parents[2] / "docs"
LEVELS = {
    "info": "INFO",
    "warning": "WARNING",
    "error": "ERROR",
    "exception": "ERROR",
    "critical": "CRITICAL",
    "log": "varies",
}


class _Records(logging.Handler):
    """Keeps records as JSON has them, and what is wrong with them."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonFormat(Texts()))
        self.validator = Draft202012Validator(record_schema())
        self.all: list[dict[str, Any]] = []
        self.problems: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith(("bot", "cogs", "engine")):
            self.problems += [f"{record.getMessage()}: {each}" for each in problems(record)]
        self.all.append(json.loads(self.format(record)))
        self.problems += [each.message for each in self.validator.iter_errors(self.all[-1])]

    async def wait_for_ends(self, count: int) -> list[dict[str, Any]]:
        """Return the ends of jobs, in their order, when there are so many."""
        await until(lambda: len(self.ends()) >= count)
        return sorted(self.ends(), key=lambda each: each["job"])

    def ends(self) -> list[dict[str, Any]]:
        return [each for each in self.all if each["message"] == "job ended"]


@pytest.fixture
def records(caplog: pytest.LogCaptureFixture) -> Iterator[_Records]:
    """Collect all that is logged, and check at the end that all of it is documented."""
    for name in ("bot", "cogs", "engine"):
        caplog.set_level(logging.DEBUG, name)
    kept = _Records()
    logging.root.addHandler(kept)
    yield kept
    logging.root.removeHandler(kept)
    assert not kept.problems


async def test_the_end_of_each_job_is_one_record(
    records: _Records, bot: BotHarness, monkeypatch: pytest.MonkeyPatch
):
    await bot.imagine(count=2)
    await result_of(bot)
    with monkeypatch.context() as patch:
        patch.setattr(Generation, "step", lambda _: 1 / 0)
        await bot.imagine()
        await bot.wait_until_notified()
    await bot.imagine(steps=2000)  # refused
    with steps_held(1) as held:
        await bot.imagine(steps=NEVER_FINISHES)
        await until(bot.services.worker.all[0].jobs)
        await bot.imagine(steps=NEVER_FINISHES)
        await bot.alice.slash(bot.channel, "cancel", job="4")
        await bot.services.control.stop(3, Actor(bot.alice.id, is_moderator=False))
        held.go_on()
        await bot.wait_until_notified()
    ends = await records.wait_for_ends(4)
    assert [each["end"] for each in ends] == ["done", "failed", "stopped", "cancelled"]
    done, failed, stopped, cancelled = ends
    assert (done["pictures"], done["steps"], done["moves"]) == (2, 4, 0)
    assert (done["person"], done["server"]) == (str(bot.alice.id), str(bot.guild.id))
    assert (done["channel"], done["kind"]) == (str(bot.channel.id), "imagine")
    assert (done["models"], done["device"]) == (["demo"], "cpu")
    assert 0 < done["painting_seconds"] <= done["total_seconds"] - done["wait_seconds"]
    assert (failed["level"], failed["pictures"]) == ("WARNING", 0)
    assert failed["cause"] == "ZeroDivisionError: division by zero"
    assert stopped["pictures"] == 1
    assert 0 < stopped["steps"] < NEVER_FINISHES
    assert not {"cause", "wait_seconds"} & cancelled.keys()
    assert PROMPT not in json.dumps(records.ends())
    refused = [each for each in records.all if each["message"] == "a command was refused"]
    assert [each["command"] for each in refused] == ["imagine"]
    accepted = [each["job"] for each in records.all if each["message"] == "job accepted"]
    assert accepted == [1, 2, 3, 4]


async def test_the_calls_for_a_job_are_counted(records: _Records, bot: BotHarness):
    before = len(bot.env.http_requests)
    async with job_in_progress(bot, steps=2) as held:
        held.go_on()
        await bot.wait_until_notified()
    (end,) = await records.wait_for_ends(1)
    made = [each for each in bot.env.http_requests[before:] if "/callback" not in each.path]
    own = [each for each in made if not each.path.startswith(("/webhooks", "/interactions"))]
    assert end["calls"] == len(own) > 3


async def test_a_job_that_goes_on_after_a_restart_ends_once(
    records: _Records, settings: BotSettings, monkeypatch: pytest.MonkeyPatch
):
    async with open_restartable_bot(settings, monkeypatch) as program:
        async with program.start() as bot, job_in_progress(bot, steps=3):
            pass
        assert not records.ends()
        async with program.start() as bot:
            await bot.wait_until_notified()
            await records.wait_for_ends(1)
        async with program.start():
            pass
    (end,) = records.ends()
    assert (end["end"], end["steps"], end["moves"]) == ("done", 3, 1)


async def test_a_job_that_cannot_be_announced_ends_too(records: _Records, bot: BotHarness):
    bot.env.inject_error("POST", "/channels/*/messages", status=403, code=50013, message="No!")
    await bot.imagine()
    (end,) = await records.wait_for_ends(1)
    assert (end["end"], end["level"], end["calls"]) == ("failed", "WARNING", 1)
    assert "No!" in end["cause"]


async def test_a_job_whose_recipe_is_damaged_ends_once_at_a_start(
    records: _Records, settings: BotSettings, monkeypatch: pytest.MonkeyPatch
):
    async with open_restartable_bot(settings, monkeypatch) as program:
        async with program.start() as bot, job_in_progress(bot, steps=NEVER_FINISHES):
            pass
        with closing(sqlite3.connect(settings.storage.folder / DATABASE)) as database, database:
            database.execute("UPDATE jobs SET recipes = '[\"{}\"]'")
        async with program.start() as bot:
            (end,) = records.ends()
            await bot.services.store.jobs.list_open()
        async with program.start():
            pass
    assert records.ends() == [end]
    assert (end["end"], end["level"], end["kind"]) == ("failed", "WARNING", "imagine")
    assert (end["person"], end["channel"]) == (str(bot.alice.id), str(bot.channel.id))
    assert (end["pictures"], end["moves"], end["device"]) == (0, 0, "cpu")
    assert end["total_seconds"] > 0


async def test_the_unfinished_jobs_of_whoever_deletes_their_data_end_too(
    records: _Records, bot: BotHarness
):
    async with job_in_progress(bot, steps=NEVER_FINISHES):
        await bot.services.erasure.request(bot.alice.id)
        await bot.wait_until_notified()
    assert [each["end"] for each in await records.wait_for_ends(1)] == ["cancelled"]


async def test_the_process_that_reads_files_writes_records_too(capfd: pytest.CaptureFixture[str]):
    process = FileProcess(600.0, prepare=partial(set_up_logging, LogSettings(format="json")))
    try:
        await process.call(warnings.warn, "this file is odd")
    finally:
        process.close()
    (line,) = capfd.readouterr().err.splitlines()
    record = json.loads(line)
    Draft202012Validator(record_schema()).validate(record)
    assert record["cause"] == "UserWarning: this file is odd"


@pytest.mark.parametrize(
    "source",
    [
        "log.info('said', extra={'odd': 1})",
        "logger.info('said', extra={'odd': 1})",
        "self._log.log(10, 'said', extra={'odd': 1})",
        "def f():\n extra = {'job': 1}\n extra['odd'] = 1\n log.info('said', extra=extra)",
        "def f():\n extra = {'job': 1}\n extra |= {'odd': 1}\n log.info('said', extra=extra)",
        "def f():\n extra = {'job': 1}\n extra.update(odd=1)\n log.info('said', extra=extra)",
        "def f(extra):\n log.info('said', extra=extra)",
        "log.info('said', extra={'job': 1} | more)",
    ],
)
def test_a_field_that_is_not_documented_is_found_in_a_source(source: str):
    (call,) = calls_in(source)
    assert call.fields is None or "odd" in call.fields


def test_all_fields_in_the_sources_are_documented():
    calls = log_calls()
    assert len(calls) > 100
    unclear = [each.place for each in calls if each.fields is None]
    assert not unclear
    unknown = {each.place: each.fields - FIELDS.keys() for each in calls if each.fields}
    assert not {place: fields for place, fields in unknown.items() if fields}
    used = frozenset[str]().union(*(each.fields for each in calls if each.fields))
    assert FIELDS.keys() - used == set[str]()
    reserved = {*vars(logging.makeLogRecord({})), *record_schema()["required"], "trace"}
    assert not reserved & FIELDS.keys()


def test_the_documents_show_the_vocabulary_and_the_events():
    published = (DOCUMENTS / "logs.schema.json").read_text(encoding="utf-8")
    assert json.loads(published) == record_schema(), "run python -m tools.log_schema"
    text = (DOCUMENTS / "logs.md").read_text(encoding="utf-8")
    assert field_table() in text, "run python -m tools.log_schema"
    known = {(each.message or "", LEVELS.get(each.level, "")) for each in log_calls()}
    section = text.partition("## Events")[2].partition("\n## ")[0]
    rows = [line.split("|") for line in section.splitlines() if line.startswith("| `")]
    told = {(row[1].strip().strip("`"), row[2].strip()) for row in rows}
    assert len(told) > 20
    assert not told - known
