"""Logs are one record a line, with fields, for people or for machines."""

import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from jsonschema import Draft202012Validator
from pydantic import SecretStr

from bot.config import BotSettings, LogSettings, SafetySettings, StorageSettings
from bot.log import log_start, set_up_logging
from bot.log.fields import FIELDS
from bot.log.schema import record_schema
from tests.harness.logging_kept import logging_kept

log = logging.getLogger("bot.test")


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    with logging_kept():
        yield


def written(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Return what was written as JSON, which follows the published schema."""
    records = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    for each in records:
        Draft202012Validator(record_schema()).validate(each)
    return records


def test_a_line_for_people_holds_the_fields(capsys: pytest.CaptureFixture[str]):
    set_up_logging(LogSettings())
    extra = {"job": 7, "person": 2**60, "models": ["demo", "b"], "cause": "a\nb", "server": None}
    log.info("job ended", extra=extra)
    (line,) = capsys.readouterr().err.splitlines()
    fields = "job=7 person=1152921504606846976 models='demo, b' cause='a\\nb'"
    assert line.endswith(f"INFO bot.test: job ended {fields}")


def test_an_object_for_machines_holds_the_fields_and_the_trace(capsys: pytest.CaptureFixture[str]):
    set_up_logging(LogSettings(format="json"))
    log.info("job accepted", extra={"person": 2**60})
    try:
        raise ValueError("why")
    except ValueError:
        log.exception("job failed", extra={"job": 7})
    accepted, record = written(capsys)
    assert accepted["person"] == "1152921504606846976"
    assert (record["level"], record["message"], record["job"]) == ("ERROR", "job failed", 7)
    assert "ValueError: why" in record["trace"]


FORGERY = "x\n12:00:00 INFO bot.app: all is well\x1b[2K\r\x9b1A\x7f\u2028\u202e"


@pytest.mark.parametrize("kind", ["text", "json"])
@pytest.mark.parametrize("where", ["message", "field", "error"])
def test_nothing_in_a_record_can_look_like_another_one(
    capsys: pytest.CaptureFixture[str], kind: Literal["text", "json"], where: str
):
    set_up_logging(LogSettings(format=kind))
    if where == "message":
        log.warning("refused: %s", FORGERY)
    elif where == "field":
        log.warning("refused", extra={"cause": FORGERY, "models": [FORGERY]})
    else:
        log.warning("refused", exc_info=ValueError(FORGERY))
    first, *others = capsys.readouterr().err.removesuffix("\n").split("\n")
    assert all(each.isprintable() for each in (first, *others))
    assert "refused" in first
    assert not others or (kind, where) == ("text", "error")
    assert all(each.startswith("  ") for each in others)
    if kind == "json" and where == "field":
        assert json.loads(first)["cause"] == FORGERY


def test_json_is_read_whatever_the_encoding_of_the_log_is(monkeypatch: pytest.MonkeyPatch):
    file = io.BytesIO()
    stream = io.TextIOWrapper(file, "latin-1", errors="backslashreplace", write_through=True)
    monkeypatch.setattr(sys, "stderr", stream)
    set_up_logging(LogSettings(format="json"))
    log.info("refused", extra={"cause": "Ü 🎨", "models": ["\ud800"]})
    assert json.loads(file.getvalue())["cause"] == "Ü 🎨"


@pytest.mark.parametrize("kind", ["text", "json"])
@pytest.mark.parametrize("text", ["x" * 2**20, "x\n" * 2**19], ids=["one line", "many lines"])
def test_a_hostile_error_takes_little_space(
    capsys: pytest.CaptureFixture[str], kind: Literal["text", "json"], text: str
):
    set_up_logging(LogSettings(format=kind))
    extra = {"cause": text, "models": [text] * 1000}
    log.error(text, extra=extra, exc_info=ValueError(text))
    assert 1000 < len(capsys.readouterr().err) < 2**18


SECRET, PASSWORD = "MTIzNDU2.Gabcde.s3cr3t-t0ken", "pass-w0rd/!"


@pytest.mark.parametrize("kind", ["text", "json"])
def test_no_record_holds_a_secret(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    kind: Literal["text", "json"],
):
    monkeypatch.setenv("RAY_AUTH_TOKEN", "of-the-cluster-1234")
    url = SecretStr("postgresql://bot:pass-w0rd%2F!@db.example/bot?sslpassword=key-of-the-key")
    set_up_logging(LogSettings(format=kind), (SecretStr(SECRET), url, None))
    told = f"{SECRET} {PASSWORD} {url.get_secret_value()} of-the-cluster-1234 key-of-the-key"
    told += " at https://other:1234@host/ and /api/v10/webhooks/12/aW50ZXJhY3Rpb24/messages"
    log.error("said %s", told, extra={"cause": told}, exc_info=ValueError(told))
    text = capsys.readouterr().err
    for each in (SECRET, PASSWORD, "w0rd", "of-the-cl", "other:1234", "aW50", "key-of-the-key"):
        assert each not in text
    assert "/api/v10/webhooks/12/***/messages" in text


def test_the_record_at_the_start_tells_what_runs_and_no_secrets(
    capsys: pytest.CaptureFixture[str],
):
    settings = BotSettings(
        token=SecretStr(SECRET),
        safety=SafetySettings(blocked_words=("foo",), blocked_people=(4711,)),
        storage=StorageSettings(url=SecretStr("postgresql://me:pw@db/bot?password=pw")),
    )
    set_up_logging(LogSettings(format="json"))
    log_start("bot", settings, "0019")
    text = capsys.readouterr().err
    for each in (SECRET, "foo", "4711", "pw", "me:"):
        assert each not in text
    record = json.loads(text)
    Draft202012Validator(record_schema()).validate(record)
    assert (record["program"], record["revision"], record["devices"]) == ("bot", "0019", ["auto"])
    assert record["torch"] and record["python"] and record["version"]
    tables = record["settings"]
    assert set(tables) == set(BotSettings.model_fields) - {"token", "host_token"}
    assert tables["storage"]["url"] == "postgresql://***@db/bot"
    assert (tables["safety"]["blocked_words"], tables["safety"]["blocked_people"]) == (1, 1)
    assert tables["limits"]["steps"] == settings.limits.steps


def test_what_nobody_catches_and_what_libraries_warn_of_are_records(
    capsys: pytest.CaptureFixture[str],
):
    set_up_logging(LogSettings(format="json"))

    def fail() -> None:
        raise ValueError("in a thread")

    thread = threading.Thread(target=fail, name="painter 3")
    thread.start()
    thread.join()
    sys.excepthook(ValueError, ValueError("at the end"), None)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    in_thread, at_end, warning = written(capsys)
    assert (in_thread["level"], in_thread["origin"]) == ("CRITICAL", "painter 3")
    assert "ValueError: in a thread" in in_thread["trace"]
    assert at_end["trace"] == "ValueError: at the end"
    assert (warning["level"], warning["cause"]) == ("WARNING", "DeprecationWarning: old")
    assert "test_log.py" in warning["origin"]


def test_failed_calls_of_the_discord_library_are_logged_in_one_line(
    capsys: pytest.CaptureFixture[str],
):
    set_up_logging(LogSettings())
    logging.getLogger("discord.client").error("trying again", exc_info=OSError("no network"))
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("WARNING discord.client: trying again cause='OSError: no network'")


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("DEBUG", {"bot.d", "bot.i", "library.i", "library.w"}),
        ("INFO", {"bot.i", "library.w"}),
        ("WARNING", {"library.w"}),
        ("ERROR", set[str]()),
    ],
)
def test_libraries_are_quieter_than_the_program(
    capsys: pytest.CaptureFixture[str],
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"],
    expected: set[str],
):
    set_up_logging(LogSettings(level=level, format="json"))
    for name, kind in (("bot", "d"), ("bot", "i"), ("library", "d"), ("library", "i")):
        logger = logging.getLogger(f"{name}.{kind}")
        logger.log(logging.DEBUG if kind == "d" else logging.INFO, "said")
    logging.getLogger("library.w").warning("said")
    assert {each["logger"] for each in written(capsys)} == expected


def test_a_field_of_a_library_is_not_written(capsys: pytest.CaptureFixture[str]):
    set_up_logging(LogSettings(format="json"))
    extra = {"client_address": "1.2.3.4", "job": "seven", "seconds": float("nan")}
    logging.getLogger("library").warning("said", extra=extra)
    (record,) = written(capsys)
    assert not set(record) & (FIELDS.keys() | extra.keys())
