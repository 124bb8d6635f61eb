"""Logs are one record a line, with fields, for people or for machines."""

import json
import logging

import pytest

from bot.config import LogSettings
from bot.log import set_up_logging


@pytest.fixture(autouse=True)
def as_before():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


def test_a_line_for_people_holds_the_fields(capsys: pytest.CaptureFixture[str]):
    set_up_logging(LogSettings())
    logging.getLogger("bot.test").info("job ended", extra={"job": 7, "cause": "a\nb"})
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("INFO bot.test: job ended job=7 cause='a\\nb'")


def test_an_object_for_machines_holds_the_fields_and_the_trace(
    capsys: pytest.CaptureFixture[str],
):
    set_up_logging(LogSettings(format="json"))
    try:
        raise ValueError("why")
    except ValueError:
        logging.getLogger("bot.test").exception("job failed", extra={"job": 7})
    (line,) = capsys.readouterr().err.splitlines()
    record = json.loads(line)
    assert (record["level"], record["message"], record["job"]) == ("ERROR", "job failed", 7)
    assert "ValueError: why" in record["trace"]


def test_records_below_level_are_not_written(capsys: pytest.CaptureFixture[str]):
    set_up_logging(LogSettings(level="WARNING"))
    logging.getLogger("bot.test").info("job ended")
    logging.getLogger("discord.http").info("a call")
    assert not capsys.readouterr().err
