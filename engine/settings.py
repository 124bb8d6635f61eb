"""Settings: the table `[engine]` of `config.toml`. What the command line says goes before it.

The file's other tables belong to others and are not looked at.
"""

import re
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from reprlib import repr as brief
from typing import Any

from engine.errors import SettingsError
from engine.files import MEBIBYTE, quoted, read_bounded

DEFAULT_PATH = Path("config.toml")
"""Read from the working folder if it is there."""
MAX_THREADS = 1024
PRECISIONS = ("auto", "float32", "bfloat16")
MAX_TOGETHER = 64
DEVICES = "auto, cpu, mps, cuda or cuda:N"
"""How messages name the devices that `is_device` knows."""


@dataclass(frozen=True)
class Settings:
    """Defaults of the engine. Raises `SettingsError` for a value that is not allowed."""

    models: str = "demo"
    """Name of the pair of models that paints."""
    device: str = "auto"
    """Where it computes: see `DEVICES`."""
    threads: int = 0
    """Threads on the CPU; 0 stands for as many as there are cores that the process may use."""
    precision: str = "auto"
    """In what the models compute, of `PRECISIONS`; "auto" is bfloat16 where it is an advantage."""
    deterministic: bool = True
    """Whether every picture is computed by itself, and the same recipe gives the same bytes."""
    together: int = 8
    """How many jobs advance in one step at most, if not `deterministic`."""
    compile: bool = False
    """Whether models are compiled with torch.compile; needs `deterministic` to be false."""

    def __post_init__(self) -> None:
        if not isinstance(self.models, str) or not self.models:
            raise SettingsError(f"models must be a name in quotes, not {brief(self.models)}")
        if not isinstance(self.device, str) or not is_device(self.device):
            raise SettingsError(f"device must be {DEVICES} in quotes, not {brief(self.device)}")
        if type(self.threads) is not int or not 0 <= self.threads <= MAX_THREADS:
            raise SettingsError(
                f"threads must be a whole number from 0 to {MAX_THREADS}, not {brief(self.threads)}"
            )
        if self.precision not in PRECISIONS:
            raise SettingsError(
                f"precision must be {', '.join(PRECISIONS[:-1])} or {PRECISIONS[-1]} in quotes, "
                f"not {brief(self.precision)}"
            )
        if type(self.deterministic) is not bool:
            raise SettingsError(
                f"deterministic must be true or false, not {brief(self.deterministic)}"
            )
        if type(self.compile) is not bool:
            raise SettingsError(f"compile must be true or false, not {brief(self.compile)}")
        if self.compile and self.deterministic:
            raise SettingsError("compile = true needs deterministic = false: the rounding changes")
        if type(self.together) is not int or not 1 <= self.together <= MAX_TOGETHER:
            raise SettingsError(
                f"together must be a whole number from 1 to {MAX_TOGETHER}, "
                f"not {brief(self.together)}"
            )


def is_device(name: str) -> bool:
    """Say whether `name` is one of `DEVICES`; whether it is there, only torch knows."""
    return re.fullmatch(r"auto|cpu|mps|cuda(:[0-9]{1,3})?", name) is not None


def read_settings(path: Path | None = None) -> Settings:
    """The settings in the file `path`, by default in `config.toml` if the working folder has one.

    Raises `SettingsError` or `PictureError` if the file cannot be read or holds what is not
    allowed.
    """
    if path is None and not DEFAULT_PATH.exists():
        return Settings()
    path = path or DEFAULT_PATH
    try:
        return _settings(read_tables(path))
    except SettingsError as error:
        raise SettingsError(f"{quoted(path)}, [engine]: {error}") from error


def read_tables(path: Path) -> dict[str, Any]:
    """All tables of the file `path`; raises `SettingsError` or `PictureError`."""
    if path.is_file() and path.stat().st_size == 0:
        return {}
    try:
        return tomllib.loads(read_bounded(path, limit=MEBIBYTE).decode())
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"the file is not valid TOML: {error}") from error


def _settings(tables: dict[str, Any]) -> Settings:
    table = tables.get("engine", {})
    if not isinstance(table, dict):
        raise SettingsError(f"engine must be a table, not {brief(table)}")
    known = [field.name for field in fields(Settings)]
    unknown = sorted(set(table) - set(known))
    if unknown:
        raise SettingsError(f"there is no key {brief(unknown[0])}; there are: {', '.join(known)}")
    return Settings(**table)
