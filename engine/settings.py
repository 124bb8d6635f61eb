"""The table `[engine]` of `config.toml`. Options of the command line replace its values."""

import re
from collections.abc import Sequence
from pathlib import Path
from reprlib import repr as brief
from typing import Annotated, Literal, Self, cast

from pydantic import BeforeValidator, Field, model_validator

from engine.config_file import Line, Name, Switch, Table, Whole, read_table

MAX_THREADS = 1024
MAX_TOGETHER = 64
MAX_DEVICES = 64
MAX_MORE_MODELS = 24
"""Maximum number of models beside the main ones: Discord offers 25 choices."""
DEMO, SCENES = "demo", "scenes"
DEMO_PAINTERS = ("demo-glide", "demo-mindalle", "demo-open-edit")
"""Names of the models that come with the program: the pair of VQGAN-CLIP, and other painters'."""
DEVICES = "auto, cpu, mps, cuda or cuda:N"
"""The devices that `is_device` knows, for messages."""


def is_device(name: str) -> bool:
    """Return True if `name` is one of `DEVICES`; only torch knows whether it is available."""
    return re.fullmatch(r"auto|cpu|mps|cuda(:[0-9]{1,3})?", name) is not None


def _check_device(value: object) -> object:
    if isinstance(value, list | tuple):
        return _check_devices(tuple(cast("Sequence[object]", value)))
    if not isinstance(value, str) or not is_device(value):
        raise ValueError(f"must be {DEVICES} in quotes, or a list of those, not {brief(value)}")
    return value


def _check_devices(values: tuple[object, ...]) -> tuple[object, ...]:
    """Check the devices of several painters: each GPU by its number and once."""
    if not 1 <= len(values) <= MAX_DEVICES:
        raise ValueError(f"must be a list of 1 to {MAX_DEVICES} devices, not of {len(values)}")
    for each in values:
        if not isinstance(each, str) or not is_device(each) or each in ("auto", "cuda"):
            raise ValueError(
                f"must be a list of cuda:0, cuda:1 and so on, or cpu, not {brief(each)}"
            )
        if each != "cpu" and values.count(each) > 1:
            raise ValueError(f"must not name {each} twice: one painter uses all of it")
    return values


class EngineSettings(Table):
    """Defaults of the engine."""

    models: Name = "demo"
    """Name of the models that paint unless someone asks for others."""
    more_models: Annotated[tuple[Name, ...], Field(max_length=MAX_MORE_MODELS)] = ()
    """Names of the other models that people can choose."""
    edit_models: Line = ""
    """Name of the models that edit pictures which were not painted here, unless someone asks for
    others; empty for the main ones."""
    upscaler: Line = ""
    """Path of the weights of a network that enlarges pictures; "" for none."""
    painters: Annotated[tuple[Name, ...], Field(max_length=MAX_MORE_MODELS)] = DEMO_PAINTERS
    """Names of models of other painters than VQGAN-CLIP, such as GLIDE, that people can choose. The
    demo ones count only beside the demo pair."""
    device: Annotated[str | tuple[str, ...], BeforeValidator(_check_device)] = "auto"
    """Where the models compute, one of `DEVICES`; or the devices of several painters of a bot."""
    threads: Annotated[Whole, Field(ge=0, le=MAX_THREADS)] = 0
    """Number of CPU threads; 0 for as many as there are processors that the process may use, or
    cores if that is measured to be faster."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Precision of the models; "auto" is the faster one on the device."""
    deterministic: Switch = True
    """Whether each picture is computed by itself, so that a recipe always gives the same bytes."""
    together: Annotated[Whole, Field(ge=1, le=MAX_TOGETHER)] = 8
    """Maximum number of jobs that share one step, if not `deterministic`."""
    compile: Switch = False
    """Whether models are compiled for each picture size; needs `deterministic = false`."""
    cuda_graphs: Switch = False
    """Whether steps of a picture that takes them alone are replayed as a CUDA graph."""

    @property
    def devices(self) -> tuple[str, ...]:
        """The devices of all painters, the main one first."""
        return (self.device,) if isinstance(self.device, str) else self.device

    @property
    def main_device(self) -> str:
        """The device of what needs only one."""
        return self.devices[0]

    @property
    def installed(self) -> tuple[str, ...]:
        """Names of the models of VQGAN-CLIP that can paint, the main ones first."""
        return tuple(dict.fromkeys((self.models, *self.more_models, self.editing)))

    @property
    def editing(self) -> str:
        """Name of the models that edit pictures which were not painted here."""
        return self.edit_models or self.models

    @property
    def installed_painters(self) -> tuple[str, ...]:
        """Names of the models of other painters that can paint."""
        left_out = () if DEMO in self.installed else DEMO_PAINTERS
        return tuple(name for name in dict.fromkeys(self.painters) if name not in left_out)

    @property
    def all_installed(self) -> tuple[str, ...]:
        """Names of all models that can paint, the main ones first."""
        return (*self.installed, *self.installed_painters, *self.networks)

    @property
    def networks(self) -> tuple[str, ...]:
        """The name that recipes call the network which enlarges pictures by, if there is one."""
        return ("network",) if self.upscaler else ()

    @model_validator(mode="after")
    def _check_compile(self) -> Self:
        if self.compile and self.deterministic:
            raise ValueError("compile = true needs deterministic = false: the rounding changes")
        if self.compile and len(self.devices) > 1:
            raise ValueError("compile = true needs one device: models are compiled by one thread")
        return self


def read_settings(path: Path | None = None) -> EngineSettings:
    """Read the settings in the file `path`, by default `config.toml` of the working folder.

    Raises `SettingsError` or `PictureError` if the file cannot be read or holds what is not
    allowed.
    """
    return read_table(path, "engine", EngineSettings)
