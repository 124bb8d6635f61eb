"""Measure once per machine how its CPU is fastest, and keep the answer on disk.

The instructions of a processor do not tell: with AVX-512 BF16 and no AMX a step takes half as long
in bfloat16 on one processor, and longer on another. So `engine.models.calibration_step` times a
small step in both precisions, some seconds of work. Where cores have hyperthreads it also times
the step with one thread for each core, and where float32 is faster, image towers whose products
oneDNN computes.
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
from engine.models.processor import MARGIN, processor_name

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
        return cls(
            processor_name(), " ".join(found), torch.get_num_threads(), str(torch.__version__)
        )


@dataclass(frozen=True)
class Question:
    """What is faster on a machine, and by what factor."""

    machine: Machine
    change: str
    """What is changed: the speed after it is compared with that before."""

    @property
    def file_name(self) -> str:
        """Name of the file for the answer, so that several machines can share a folder."""
        digest = hashlib.sha256(json.dumps(asdict(self)).encode()).hexdigest()
        return f".speed-{digest[:16]}.json"


def is_bf16_faster(folder: Path | None) -> bool:
    """Return True if this CPU computes a step clearly faster in bfloat16 than in float32.

    It is measured once, and kept in `folder` for later processes; without a folder, or where it
    cannot be written, for this process only.
    """
    return _bf16_gain(Machine.current(), folder) >= MARGIN


def is_faster_on(threads: int, folder: Path | None) -> bool:
    """Return True if a step is clearly faster on `threads` threads than on torch's at the moment.

    It is measured once and kept, as for `is_bf16_faster`.
    """
    return _threads_gain(Machine.current(), threads, folder) >= MARGIN


def are_onednn_products_faster(folder: Path | None) -> bool:
    """Return True if oneDNN clearly multiplies faster in float32 than the library torch takes.

    It is measured once and kept, as for `is_bf16_faster`.
    """
    return _products_gain(Machine.current(), folder) >= MARGIN


@cache
def _bf16_gain(machine: Machine, folder: Path | None) -> float:
    return kept_gain(Question(machine, "bfloat16"), folder, measure_bf16)


@cache
def _threads_gain(machine: Machine, threads: int, folder: Path | None) -> float:
    question = Question(machine, f"{threads} threads")
    return kept_gain(question, folder, lambda: measure_threads(threads))


@cache
def _products_gain(machine: Machine, folder: Path | None) -> float:
    return kept_gain(Question(machine, "products by oneDNN"), folder, measure_products)


def kept_gain(question: Question, folder: Path | None, measure: Callable[[], float]) -> float:
    """Return the answer in `folder`, or else that of `measure`, which it then keeps.

    Args:
        question: What the answer depends on.
        folder: Folder of the file, which may be missing or refuse to be written; None for no file.
        measure: Returns the speed after the change as a multiple of that before, at least 0.
    """
    if folder is None:
        return measure()
    path = folder / question.file_name
    gain = _read(path, question)
    if gain is None:
        gain = measure()
        _write(path, question, gain)
    return gain


def measure_bf16() -> float:
    """Return how many times as fast as in float32 a small step is in bfloat16, on this CPU."""
    from engine.models.calibration_step import measure_gain

    return measure_gain()


def measure_threads(threads: int) -> float:
    """Return how many times as fast a small step is on `threads` threads."""
    from engine.models.calibration_step import measure_threads_gain

    return measure_threads_gain(threads)


def measure_products() -> float:
    """Return how many times as fast a small image tower is by products of oneDNN, in float32."""
    from engine.models.calibration_step import measure_products_gain

    return measure_products_gain()


def _read(path: Path, question: Question) -> float | None:
    """Return the answer in a file; None if it is missing, damaged or answers another question."""
    try:
        values = json.loads(read_bounded(path, limit=_LONGEST_FILE))
        gain, rest = values.pop("gain"), values
    except (EngineError, OSError, ValueError, RecursionError, AttributeError, KeyError, TypeError):
        return None
    is_number = type(gain) in (int, float) and math.isfinite(gain) and gain >= 0
    return float(gain) if is_number and rest == _header(question) else None


def _write(path: Path, question: Question, gain: float) -> None:
    """Keep a gain in a file; where that is not possible it is measured again next time."""
    text = json.dumps({**_header(question), "gain": round(gain, 4)}, indent=1)
    with suppress(EngineError, OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path, force=True) as part:
            part.write_text(f"{text}\n", encoding="utf-8")


def _header(question: Question) -> dict[str, Any]:
    return {"version": _VERSION, **asdict(question)}
