"""Measure once per machine how much faster its CPU is in bfloat16, and keep the answer on disk.

The instructions of a processor do not tell: with AVX-512 BF16 and no AMX a step takes half as long
in bfloat16 on one processor, and longer on another. So `engine.models.calibration_step` times a
small step in both precisions, a second or two of work.
"""

import hashlib
import json
import math
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Self

from engine.errors import EngineError
from engine.files import atomic_write, read_bounded
from engine.models.processor import processor_name

MARGIN = 1.1
"""How many times as fast bfloat16 must be to be chosen; below it float32 is, which is exact."""
_VERSION = 1
"""Version of the measurement and of its file; others are measured anew."""
_LONGEST_FILE = 16_384
_LIMITS = ("ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")
"""Environment variables that forbid torch and oneDNN to use some instructions."""


@dataclass(frozen=True)
class Machine:
    """What the speeds depend on: a calibration holds for one such machine only."""

    processor: str
    """Name of the processor."""
    instructions: str
    """Instruction sets that torch uses, and what forbids some of them."""
    threads: int
    """Number of threads that compute."""
    torch: str
    """Version of torch."""

    @classmethod
    def current(cls) -> Self:
        """Return this machine, with the threads that torch computes on at the moment."""
        import torch

        cpu: Any = torch.cpu
        capabilities: Mapping[str, Any] = cpu.get_capabilities()
        found = [torch.backends.cpu.get_cpu_capability()]
        found += sorted(name for name, has in capabilities.items() if has is True)
        found += [f"{name}={os.environ[name]}" for name in _LIMITS if name in os.environ]
        return cls(processor_name(), " ".join(found), torch.get_num_threads(), torch.__version__)

    @property
    def file_name(self) -> str:
        """Name of the file for this machine, so that several can share a folder."""
        digest = hashlib.sha256(json.dumps(asdict(self)).encode()).hexdigest()
        return f".speed-{digest[:16]}.json"


def is_bf16_faster(folder: Path | None) -> bool:
    """Return True if this CPU computes a step clearly faster in bfloat16 than in float32.

    It is measured once, and kept in `folder` for later processes; without a folder, or where it
    cannot be written, for this process only.
    """
    return _gain(Machine.current(), folder) >= MARGIN


@cache
def _gain(machine: Machine, folder: Path | None) -> float:
    return measure() if folder is None else kept_gain(machine, folder, measure)


def kept_gain(machine: Machine, folder: Path, measure: Callable[[], float]) -> float:
    """Return what `folder` says about `machine`, or else what `measure` does, which it then keeps.

    Args:
        machine: What the answer depends on.
        folder: Folder of the file, which may be missing or refuse to be written.
        measure: Returns how many times as fast this machine is in bfloat16, at least 0.
    """
    path = folder / machine.file_name
    gain = _read(path, machine)
    if gain is None:
        gain = measure()
        _write(path, machine, gain)
    return gain


def measure() -> float:
    """Return how many times as fast as in float32 a small step is in bfloat16, on this CPU."""
    from engine.models.calibration_step import measure_gain

    return measure_gain()


def _read(path: Path, machine: Machine) -> float | None:
    """Return what a file says about `machine`; None if it is missing, damaged or of another."""
    try:
        values = json.loads(read_bounded(path, limit=_LONGEST_FILE))
        gain, rest = values.pop("gain"), values
    except (EngineError, OSError, ValueError, RecursionError, AttributeError, KeyError, TypeError):
        return None
    is_number = type(gain) in (int, float) and math.isfinite(gain) and gain >= 0
    return float(gain) if is_number and rest == _header(machine) else None


def _write(path: Path, machine: Machine, gain: float) -> None:
    """Keep a gain in a file; where that is not possible it is measured again next time."""
    text = json.dumps({**_header(machine), "gain": round(gain, 4)}, indent=1)
    with suppress(EngineError, OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path, force=True) as part:
            part.write_text(f"{text}\n", encoding="utf-8")


def _header(machine: Machine) -> dict[str, Any]:
    return {"version": _VERSION, "machine": asdict(machine)}
