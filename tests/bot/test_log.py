"""Logs are one record a line, with fields, for people or for machines."""

import json
import logging
from typing import Literal

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


FORGERY = "x\n12:00:00 INFO bot.app: all is well\x1b[2K\r\x9b1A\x7f\u2028\u202e"


@pytest.mark.parametrize("kind", ["text", "json"])
@pytest.mark.parametrize("where", ["message", "field", "error"])
def test_nothing_in_a_record_can_look_like_another_one(
    capsys: pytest.CaptureFixture[str], kind: Literal["text", "json"], where: str
):
    set_up_logging(LogSettings(format=kind))
    log = logging.getLogger("bot.test")
    if where == "message":
        log.warning("refused: %s", FORGERY)
    elif where == "field":
        log.warning("refused", extra={"prompt": FORGERY, "words": [FORGERY]})
    else:
        log.warning("refused", exc_info=ValueError(FORGERY))
    written = capsys.readouterr().err
    first, *others = written.removesuffix("\n").split("\n")
    assert all(each.isprintable() for each in (first, *others))
    assert "refused" in first
    assert not others or (kind, where) == ("text", "error")
    assert all(each.startswith("  ") for each in others)
    if kind == "json" and where == "field":
        assert json.loads(first)["prompt"] == FORGERY


def test_failed_calls_of_the_discord_library_are_logged_in_one_line(
    capsys: pytest.CaptureFixture[str],
):
    set_up_logging(LogSettings())
    logging.getLogger("discord.client").error("trying again", exc_info=OSError("no network"))
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("WARNING discord.client: trying again cause='OSError: no network'")


def test_records_below_level_are_not_written(capsys: pytest.CaptureFixture[str]):
    set_up_logging(LogSettings(level="WARNING"))
    logging.getLogger("bot.test").info("job ended")
    logging.getLogger("discord.http").info("a call")
    assert not capsys.readouterr().err
