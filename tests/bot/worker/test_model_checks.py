"""Published models are checked when they are loaded first, and `/status` tells what was found."""

from concurrent.futures import CancelledError
from dataclasses import replace

import pytest

from bot.scheduling.loading import ModelLoading
from bot.worker.model_checks import ModelChecks
from engine.models.loading import Models, load_models
from engine.self_check import check as checking
from engine.self_check.results import Cause, PartResult
from engine.weights.settings import WeightsSettings
from tests.harness.bot_harness import BotHarness, ephemeral_text

PUBLISHED = "imagenet-16384"


@pytest.fixture(scope="module")
def models() -> Models:
    """Load the demo models, which pass for published ones."""
    return replace(load_models("demo", "cpu"), name=PUBLISHED)


def let_find(monkeypatch: pytest.MonkeyPatch, *causes: Cause) -> list[str]:
    """Let checks find these causes; return the names of what is checked."""
    checked: list[str] = []

    def check(models: Models, *_: object, **__: object) -> tuple[PartResult, ...]:
        checked.append(models.name)
        return (PartResult("perceptor", "clip-vit-b-32", "0" * 64, causes),)

    monkeypatch.setattr(checking, "check_models", check)
    return checked


def test_models_of_the_registry_are_checked_once(monkeypatch: pytest.MonkeyPatch, models: Models):
    checked = let_find(monkeypatch)
    loading = ModelLoading()
    checks = ModelChecks(WeightsSettings(), loading, lambda: False)
    checks.check(models)
    checks.check(models)
    checks.check(replace(models, name="demo"))
    assert checked == [PUBLISHED]
    assert loading.verdicts == {PUBLISHED: None}


def test_a_fault_of_a_check_ends_nothing(monkeypatch: pytest.MonkeyPatch, models: Models):
    for error in (CancelledError, ValueError):

        def fail(*_: object, error: type[Exception] = error, **__: object) -> None:
            raise error

        monkeypatch.setattr(checking, "check_models", fail)
        loading = ModelLoading()
        ModelChecks(WeightsSettings(), loading, lambda: True).check(models)
        assert loading.verdicts == {}


async def test_status_tells_what_was_found(
    bot: BotHarness, monkeypatch: pytest.MonkeyPatch, models: Models
):
    loading = bot.services.loading
    for causes, told in (
        ((), f"**Checked** {PUBLISHED}: the models recognize and paint what I drew for them."),
        ((Cause.COLOR_ORDER,), f"{PUBLISHED}: clip-vit-b-32: red and blue are exchanged."),
    ):
        loading.verdicts.clear()
        let_find(monkeypatch, *causes)
        ModelChecks(WeightsSettings(), loading, lambda: False).check(models)
        assert told in ephemeral_text(await bot.alice.slash(bot.channel, "status"))
