"""The files in `deploy/`, checked by the schemas and tools of those who read them."""

import json
import os
import re
import shutil
import subprocess
import tomllib
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

kubernetes_validate = pytest.importorskip("kubernetes_validate")
HERE, ROOT = Path(__file__).parent, Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = [ROOT / "compose.yaml", *sorted((DEPLOY / "compose").glob("*.yaml"))]
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
KUBERNETES = "1.33"
"""The version of Kubernetes whose schemas check the manifest."""
ADDRESSES = {"NODE_IP": "10.77.0.1", "HEAD": "10.77.0.1"}
MOST_EXPOSED = 2.5
"""What `systemd-analyze security` may say at most; 10 is not confined at all."""


def documents(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text()))


def faults(schema: dict[str, Any], value: Any) -> list[str]:
    Draft7Validator.check_schema(schema)
    return [
        f"{each.json_path}: {each.message}" for each in Draft7Validator(schema).iter_errors(value)
    ]


def closed(schema: Any) -> Any:
    """Return a schema that refuses unknown keys, which Kubernetes would drop."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: closed(each) for name, each in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        found.setdefault("additionalProperties", False)
    return found


@pytest.mark.parametrize("path", COMPOSE, ids=lambda path: path.name)
def test_compose_files_are_as_compose_wants_them(path: Path):
    (content,) = documents(path)
    assert faults(json.loads((HERE / "compose.schema.json").read_text()), content) == []
    for secret in content["secrets"].values():
        assert (path.parent / secret["file"]).resolve().parent == ROOT
    for service in content["services"].values():
        build = service.get("build")
        context = build if isinstance(build, str) else (build or {"context": "."})["context"]
        assert build is None or (path.parent / context).resolve() == ROOT
        assert not service.get("ports"), "whoever reaches Ray's ports may run programs"


@pytest.mark.parametrize("path", [ROOT / "compose.yaml", DEPLOY / "compose" / "one-machine.yaml"])
def test_the_bot_alone_can_change_only_its_volumes_and_has_time_to_end(path: Path):
    (content,) = documents(path)
    bot = content["services"]["bot"]
    assert bot["read_only"] and bot["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in bot["security_opt"]
    assert {"mem_limit", "pids_limit"} <= bot.keys()
    assert bot["environment"]["HOME"] == bot["tmpfs"][0].partition(":")[0]
    # 10 seconds for the database, 10 for Discord, 5 for logs; the rest is for the last step.
    assert int(bot["stop_grace_period"].removesuffix("s")) >= 2 * (10 + 10 + 5)


@pytest.mark.slow
@pytest.mark.parametrize(
    "names",
    [
        ("one-machine",),
        ("one-machine", "postgres"),
        ("cluster",),
        ("cluster", "postgres"),
        ("head",),
        ("worker",),
    ],
    ids="+".join,
)
def test_compose_itself_reads_them(names: tuple[str, ...]):
    compose = shutil.which("docker-compose")
    if compose is None:
        pytest.skip("docker-compose is not installed")
    files = chain.from_iterable(("-f", DEPLOY / "compose" / f"{name}.yaml") for name in names)
    done = subprocess.run(
        [compose, *files, "config", "--quiet"],
        check=False,
        env=os.environ | ADDRESSES,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")


def manifest(kind: str) -> dict[str, Any]:
    (found,) = [
        each
        for each in documents(DEPLOY / "kubernetes" / "vqgan-clip.yaml")
        if each["kind"] == kind and each["metadata"]["name"] != "vqgan-clip-weights"
    ]
    return found


def pods() -> dict[str, dict[str, Any]]:
    """Return the pods that KubeRay makes out of the manifest's templates."""
    spec = manifest("RayCluster")["spec"]
    groups = {"head": spec["headGroupSpec"], "worker": spec["workerGroupSpecs"][0]}
    return {
        name: {"apiVersion": "v1", "kind": "Pod", **group["template"]}
        | {"metadata": {"name": name, **group["template"]["metadata"]}}
        for name, group in groups.items()
    }


def test_the_manifest_is_as_kubernetes_and_kuberay_want_it():
    schema = closed(json.loads((HERE / "raycluster.schema.json").read_text()))
    # What every resource has, and what Kubernetes checks itself.
    schema["properties"]["metadata"] = {"type": "object"}
    for name in ("headGroupSpec", "workerGroupSpecs"):
        group = schema["properties"]["spec"]["properties"][name]
        group.get("items", group)["properties"]["template"] = {"type": "object"}
    everything = documents(DEPLOY / "kubernetes" / "vqgan-clip.yaml")
    for each in everything:
        if each["kind"] == "RayCluster":
            assert faults(schema, each) == []
        else:
            kubernetes_validate.validate(each, KUBERNETES, strict=True)
    assert [each["kind"] for each in everything].count("RayCluster") == 1
    for pod in pods().values():
        kubernetes_validate.validate(pod, KUBERNETES, strict=True)


def test_the_manifest_agrees_with_itself_and_with_the_program():
    cluster = manifest("RayCluster")["spec"]
    pins = (ROOT / "requirements-cluster.txt").read_text()
    assert f"ray=={cluster['rayVersion']} " in pins
    settings = tomllib.loads(manifest("ConfigMap")["data"]["config.toml"])["cluster"]
    assert settings["painters"] == cluster["workerGroupSpecs"][0]["maxReplicas"]
    claims = {
        each["metadata"]["name"]
        for each in documents(DEPLOY / "kubernetes" / "vqgan-clip.yaml")
        if each["kind"] == "PersistentVolumeClaim"
    }
    for pod in pods().values():
        (container,) = pod["spec"]["containers"]
        volumes = {each["name"]: each for each in pod["spec"]["volumes"]}
        assert {each["name"] for each in container["volumeMounts"]} == volumes.keys()
        for each in volumes.values():
            if "persistentVolumeClaim" in each:
                assert each["persistentVolumeClaim"]["claimName"] in claims


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_units_are_right_and_confined(path: Path, tmp_path: Path):
    systemd = shutil.which("systemd-analyze")
    if systemd is None:
        pytest.skip("systemd-analyze is not installed")
    for each in UNITS:  # their program is not installed here
        text = each.read_text().replace("/opt/vqgan-clip/.venv/bin/python", "/bin/true")
        (tmp_path / each.name).write_text(text)
    unit = tmp_path / path.name
    verified = subprocess.run(
        [systemd, "verify", unit], check=False, capture_output=True, text=True, timeout=60
    )
    assert (verified.returncode, verified.stderr) == (0, "")
    judged = subprocess.run(
        [systemd, "security", "--offline=true", unit],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    found = re.search(r"Overall exposure level for .*: ([0-9.]+)", judged.stdout)
    assert found is not None
    assert float(found[1]) <= MOST_EXPOSED


def commands() -> list[str]:
    """Return all commands of the files that start a worker or a head."""
    texts = [path.read_text() for path in (*COMPOSE, *UNITS, DEPLOY / "kubernetes/vqgan-clip.yaml")]
    return [each for text in texts for each in re.findall(r"--ports[ =]([0-9-]+)", text)]


def test_all_files_name_the_same_ports():
    assert len(commands()) == 5
    assert set(commands()) == {"6380-6479"}


def test_the_operators_page_names_all_files_and_no_others():
    page = (ROOT / "docs" / "cluster.md").read_text()
    # vqgan-clip-{head,bot}.service stands for two.
    page = re.sub(r"(\S+)\{(\w+),(\w+)\}(\.service)", r"\1\2\4 \1\3\4", page)
    named = set(re.findall(r"deploy/[a-z/-]+\.(?:yaml|service)", page))
    files = (*(DEPLOY / "compose").glob("*"), *(DEPLOY / "kubernetes").glob("*"), *UNITS)
    assert named == {path.relative_to(ROOT).as_posix() for path in files}


def test_the_image_contains_all_that_the_dockerfile_copies():
    """`.dockerignore` leaves everything out but what it names."""
    copied = re.findall(r"^COPY (.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    named = {
        line[1:]
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    for source in " ".join(copied).split():
        assert source in named
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["dynamic"]
    installed = re.findall(r"requirements[a-z-]*\.txt", (ROOT / "Dockerfile").read_text())
    for each in extras["optional-dependencies"].values():
        assert each["file"] in installed
