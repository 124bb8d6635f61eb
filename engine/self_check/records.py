"""Results of checks, kept beside the converted weights, so that a file is checked once.

A result counts for the same weights, the same version of the checks and the same machine: its
processor or card, its torch and its precision.
"""

import json
import platform
import re
from contextlib import suppress
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict, ValidationError

from engine.errors import EngineError
from engine.files import atomic_write, read_bounded
from engine.self_check.results import VERSION, Cause, Kind, PartResult

_LONGEST = 2**18
"""Maximum length of a record in bytes."""


class _Record(BaseModel):
    """A result as it is written."""

    model_config = ConfigDict(strict=False, extra="forbid")

    version: int
    machine: str
    kind: Kind
    name: str
    digest: str
    causes: list[Cause]
    figures: dict[str, float]
    answers: list[float]


def record_path(weights: Path, name: str) -> Path:
    """Return the path of a result beside `weights`; those of a pair are beside its generator's."""
    return weights.with_name(f"{name}.check.json")


def read_record(path: Path, digest: str, machine: str) -> PartResult | None:
    """Return the result of an earlier check of the same weights on this machine, or None."""
    with suppress(EngineError, ValidationError):
        record = _Record.model_validate_json(read_bounded(path, limit=_LONGEST))
        if (record.version, record.digest, record.machine) == (VERSION, digest, machine):
            return PartResult(
                record.kind,
                record.name,
                record.digest,
                tuple(record.causes),
                record.figures,
                tuple(record.answers),
            )
    return None


def write_record(path: Path, result: PartResult, machine: str) -> None:
    """Keep a result; if that is not possible, the weights are only checked again next time."""
    values = {
        "version": VERSION,
        "machine": machine,
        "kind": result.kind,
        "name": result.name,
        "digest": result.digest,
        "causes": list(result.causes),
        "figures": dict(result.figures),
        "answers": list(result.answers),
    }
    with suppress(EngineError, OSError), atomic_write(path, force=True) as part:
        part.write_text(json.dumps(values, indent=1), encoding="utf-8")


def machine_name(device: torch.device, precision: torch.dtype) -> str:
    """Return what figures may depend on, in words that say nothing about a person."""
    unit = torch.cuda.get_device_name(device) if device.type == "cuda" else _processor()
    number = str(precision).removeprefix("torch.")
    return f"{unit}, {device.type}, {number}, torch {torch.__version__}"


def _processor() -> str:
    with suppress(OSError):
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
        if found := re.search(r"model name\s*:\s*(.+)", text):
            return found[1].strip()
    return platform.processor() or platform.machine()
