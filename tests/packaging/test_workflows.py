"""The files for GitHub and Renovate, by their schemas, and beside the Makefile."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tools.supply.locks import ROOT

GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
ACTIONS = sorted((GITHUB / "actions").glob("*/action.yml"))
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("vendor.github-workflows", WORKFLOWS),
        ("vendor.github-actions", ACTIONS),
        ("vendor.renovate", [GITHUB / "renovate.json"]),
    ],
)
def test_files_fit_their_schemas(schema: str, files: list[Path]):
    """The schemas come with the program that checks, so that nothing is fetched."""
    assert files
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *files]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("file", [*WORKFLOWS, *ACTIONS], ids=lambda file: file.stem)
def test_actions_of_others_are_pinned_to_a_commit(file: Path):
    used = re.findall(r"uses: (\S+)(.*)", file.read_text())
    assert used
    for name, comment in used:
        if not name.startswith("./"):
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", name)
            assert re.fullmatch(r" # v[\d.]+", comment)


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_workflows_are_allowed_no_more_than_they_need(file: Path):
    workflow = yaml.safe_load(file.read_text())
    assert workflow["permissions"] == {}
    for name, job in workflow["jobs"].items():
        assert job["timeout-minutes"] <= 90
        writes = {scope for scope, access in job["permissions"].items() if access == "write"}
        allowed = {"contents", "id-token", "attestations"} if name == "publish" else set()
        assert writes == allowed
        if writes:  # then nothing of the repository runs
            assert not any("make" in step.get("run", "") for step in job["steps"])


def test_each_stage_is_a_target_of_the_makefile():
    texts = [(ROOT / ".ci" / "run").read_text(), *(file.read_text() for file in WORKFLOWS)]
    for text in texts:
        lines = re.findall(r"\bmake ((?:PYTHON=python |--old-file=lint )?[a-z-]+)$", text, re.M)
        stages = {line.split()[-1] for line in lines}
        assert stages
        assert stages <= TARGETS
    local, jobs = texts[0], texts[1]
    for stage in ("lint", "package", "docs", "test", "audit"):
        assert re.search(rf"make .*\b{stage}\b", local)
        assert re.search(rf"make .*\b{stage}\b", jobs)


def test_renovate_moves_what_belongs_together():
    rules = json.loads((GITHUB / "renovate.json").read_text())["packageRules"]
    groups = [set(rule.get("matchPackageNames", [])) for rule in rules]
    assert {"torch", "torchvision"} in groups
    pinned = "".join(file.read_text() for file in ROOT.glob("requirements*.txt"))
    for name in set().union(*groups):
        assert re.search(rf"^{re.escape(name)}(\[\w+\])?==", pinned, re.MULTILINE), name
