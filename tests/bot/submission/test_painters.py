"""What other painters do not have, and recipes from elsewhere, which may ask for what is usual."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.config import LimitSettings
from bot.errors import UserError
from bot.languages.catalogue import language_of
from bot.submission.imagine_options import ImagineOptions
from bot.submission.painters import check_usual_effort, other_edit, other_recipe
from engine.errors import EngineError
from engine.models.catalogue import PAINTERS
from engine.models.painter_entry import PainterEntry, PainterKind, PainterMemory
from engine.painters import plain_recipe
from engine.recipes.edit import Edit
from engine.recipes.kinds import OtherRecipe
from engine.settings import EngineSettings


def entry(kind: PainterKind) -> PainterEntry:
    return PainterEntry(
        name=f"my-{kind}",
        painter=kind,
        description="",
        limits=None,
        licence="",
        files={"base": Path("base")},
        side=64,
        enlarge=2,
        memory=PainterMemory(fixed=1e6),
        step_cost=1000.0,
    )


KINDS: tuple[PainterKind, ...] = ("glide", "mindalle", "open-edit")


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in KINDS:
        monkeypatch.setitem(PAINTERS, f"my-{kind}", entry(kind))


def usual(kind: PainterKind) -> OtherRecipe:
    words, edit = ("a -> b", Edit(b"x")) if kind == "open-edit" else ("a ring", None)
    return plain_recipe(f"my-{kind}", words, seed=1, edit=edit)


@pytest.mark.parametrize("kind", KINDS)
def test_the_usual_is_painted(kind: PainterKind):
    check_usual_effort(usual(kind))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("values", [{"side": 128}, {"enlarge": 3}, {"models": "gone"}])
def test_other_sizes_and_models_are_refused(kind: PainterKind, values: dict[str, Any]):
    with pytest.raises((UserError, EngineError)):
        check_usual_effort(replace(usual(kind), **values))


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("glide", {"base_steps": 1000}),
        ("mindalle", {"candidates": 17}),
        ("open-edit", {"optimization_steps": 500}),
    ],
)
def test_more_work_than_usual_is_refused(kind: PainterKind, values: dict[str, Any]):
    with pytest.raises(UserError, match="at most"):
        check_usual_effort(replace(usual(kind), **values))


def test_refusals_name_options_as_the_reader_sees_them():
    engine = EngineSettings(painters=("my-glide",))
    options = ImagineOptions(prompt="a ring", painter="glide", steps=5, size="wide")
    with pytest.raises(UserError) as refused:
        other_recipe(options, engine, LimitSettings(), has_picture=True)
    assert "`size`, `steps`, `image`" in str(refused.value)
    assert "`größe`, `schritte`, `bild`" in refused.value.message.in_language(language_of("de"))


def test_refusals_of_edits_name_options_as_the_reader_sees_them():
    engine = EngineSettings(painters=("my-open-edit",))
    with pytest.raises(UserError) as refused:
        other_edit("open-edit", "a -> b", engine, Edit(b"x"), seed=1, used=("steps",))
    assert "`steps`" in str(refused.value)
    assert "`schritte`" in refused.value.message.in_language(language_of("de"))
