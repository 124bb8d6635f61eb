"""The licences in `docs/licences.md`: one row for each locked package, each of them judged."""

import platform
import sys

import pytest

from tools.supply.licence_page import PAGE, needed_for, note_on, read_page, render
from tools.supply.licences import (
    Licence,
    UnknownLicenceError,
    bundled_libraries,
    is_installed,
    is_permissive,
    licence_of,
)
from tools.supply.locks import packages

RENEW = "run `make licences`, and commit what it writes"


def test_each_locked_package_has_a_row():
    rows = [(each.name, each.version) for each in read_page()]
    assert rows == sorted((each.name, each.version) for each in packages().values()), RENEW


def test_rows_say_what_the_installed_packages_say():
    locked = packages()
    rows = [each for each in read_page() if is_installed(each.name, each.version)]
    assert len(rows) > 100
    for each in rows:
        assert each == licence_of(locked[each.name]), RENEW


def test_each_licence_is_permissive_or_has_a_note_on_what_it_means():
    rows = {each.name: each for each in read_page()}
    for each in rows.values():
        assert is_permissive(each.expression) or "(#" in note_on(each), each
    assert is_permissive(rows["torch"].expression)
    assert "GPL" in note_on(rows["pebble"])
    assert needed_for()["ray"] == ["cluster"]


def test_an_unjudged_licence_is_refused():
    stranger = Licence("stranger", "1.0", "AGPL-3.0-only", "")
    with pytest.raises(UnknownLicenceError, match="stranger: what does AGPL-3.0-only mean"):
        note_on(stranger)


@pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64",
    reason="the page lists what the wheels for Linux on x86-64 bring",
)
def test_libraries_inside_the_wheels_are_listed():
    rows = [each for each in read_page() if is_installed(each.name, each.version)]
    assert bundled_libraries("av")["libx264"] == "GPL-2.0-or-later"
    page = PAGE.read_text()
    listed = [line for line in render(rows).splitlines() if line.startswith("|")]
    assert [line for line in listed if line not in page] == [], RENEW


def test_sections_that_notes_lead_to_exist():
    text = PAGE.read_text()
    titles = [line.removeprefix("## ") for line in text.splitlines() if line.startswith("## ")]
    anchors = {title.lower().replace(" ", "-").replace("'", "") for title in titles}
    for each in read_page():
        for part in note_on(each).split("(#")[1:]:
            assert part.partition(")")[0] in anchors
