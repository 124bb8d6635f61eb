"""The dashboard and the alerts in `deploy/monitoring` ask for metrics that exist."""

import asyncio
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.harness.bot_harness import BotHarness
from tests.harness.host_visitor import Visitor

FOLDER = Path(__file__).parents[3] / "deploy" / "monitoring"
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "dashboard.json").read_text())
ALERTS = (FOLDER / "alerts.yml").read_text()


async def test_what_dashboard_and_alerts_ask_for_is_measured(bot: BotHarness, visitor: Visitor):
    await bot.imagine(steps=1)
    await bot.wait_until_notified()
    await asyncio.sleep(1)  # a text of metrics is given for a second
    known: set[str] = set()
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", await visitor.metrics(), re.MULTILINE):
        known |= {f"{name}_bucket"} if kind == "histogram" else {name}
    panels = [each for each in DASHBOARD["panels"] if each["type"] != "row"]
    queries = [target["expr"] for panel in panels for target in panel["targets"]]
    asked = set(re.findall(r"\b(?:vqgan_clip|process)_\w+", "\n".join([*queries, ALERTS])))
    assert asked <= known
    created = {each for each in known if each.endswith("_created")}
    ours = {each for each in known - created if each.startswith("vqgan_clip")}
    assert ours <= asked  # nothing is measured that nobody sees


def test_the_dashboard_is_one_that_grafana_can_import():
    places = [each["gridPos"] for each in DASHBOARD["panels"]]
    assert all(each["x"] + each["w"] <= 24 for each in places)
    taken = [
        (x, y)
        for p in places
        for x in range(p["x"], p["x"] + p["w"])
        for y in range(p["y"], p["y"] + p["h"])
    ]
    assert len(taken) == len(set(taken))
    numbers = [each["id"] for each in DASHBOARD["panels"]]
    assert len(numbers) == len(set(numbers))
    variables = {each["name"] for each in DASHBOARD["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(DASHBOARD["panels"])))
    assert used <= variables | {"__rate_interval"}
    for panel in DASHBOARD["panels"]:
        assert panel["type"] == "row" or (panel["description"] and panel["targets"])


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_prometheus_accepts_the_alerts_and_they_fire_when_they_should():
    for command in (("check", "rules", "alerts.yml"), ("test", "rules", "alerts_test.yml")):
        subprocess.run(["promtool", *command], cwd=FOLDER, check=True)
