"""What a published VQGAN is built like: from taming's yaml to a `VQGANConfig`.

The yaml is of anybody's making. It is bounded, read by the safe loader, and may not refer to
itself, by which a few lines become any amount of data. Of its classes only the names are looked at:
nothing in it is imported.
"""

from pathlib import Path
from typing import Any

import yaml

from engine.errors import ModelError
from engine.models.vqgan import VQGANConfig

MAX_BYTES = 64 * 1024
"""Of the file; the longest published one has 1.6 kB."""
_MAX_DEPTH = 16

_QUANTIZERS = {
    "taming.models.vqgan.VQModel": "nearest",
    "taming.models.vqgan.GumbelVQ": "gumbel",
}
_TRANSFORMER = "taming.models.cond_transformer.Net2NetTransformer"
_KNOWN = "VQModel, GumbelVQ and Net2NetTransformer of taming are"

_BUILT = ("z_channels", "ch", "ch_mult", "num_res_blocks", "attn_resolutions", "resolution")
"""Of `ddconfig`: what a `VQGANConfig` takes over under the same name."""
_FIXED = {"in_channels": 3, "out_ch": 3, "double_z": False, "resamp_with_conv": True}
"""Of `ddconfig`: what this program's VQGAN has in one way only."""
_REQUIRED = ("in_channels", "out_ch", "double_z")
_IGNORED = ("dropout",)
"""Of `ddconfig`: what counts in training only."""


def read_architecture(path: Path) -> VQGANConfig:
    """The architecture in one of taming's configuration files.

    Raises `ModelError` naming what is missing, wrong or not known.
    """
    file = f"the configuration {path.name}"
    try:
        return _architecture(_parsed(path)["model"])
    except FileNotFoundError as error:
        raise ModelError(f"{file} is missing") from error
    except KeyError as error:
        raise ModelError(f"{file} says nothing of {error.args[0]}") from error
    except UnicodeError as error:
        raise ModelError(f"{file} is no text") from error
    except (ModelError, ValueError) as error:
        raise ModelError(f"{file} cannot be used: {error}") from error
    except Exception as error:
        # A yaml of unknown origin can fail in nearly any way.
        raise ModelError(f"{file} is damaged or of an unknown form") from error


def _parsed(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ModelError(f"it is larger than {MAX_BYTES // 1024} kB")
    text = content.decode()
    _check_form(text)
    return yaml.safe_load(text)


def _check_form(text: str) -> None:
    """Before anything is made of it: neither references nor depth, which take memory and time."""
    depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise ModelError("it refers to parts of itself, which such a file need not")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _MAX_DEPTH:
            raise ModelError("it has too many levels")


def _architecture(model: dict[str, Any], *, whole: bool = True) -> VQGANConfig:
    """The architecture of a `target` and its `params`; `whole` unless it is part of another."""
    target, params = model["target"], model["params"]
    if target == _TRANSFORMER and whole:
        return _architecture(params["first_stage_config"], whole=False)
    if not isinstance(target, str) or target not in _QUANTIZERS:
        raise ModelError(f"the class {target!r:.200} is not known, {_KNOWN}")
    built = params["ddconfig"]
    _check_fixed(built)
    values = {name: built[name] for name in _BUILT}
    values |= {name: params[name] for name in ("n_embed", "embed_dim")}
    return VQGANConfig.from_dict(values | {"quantizer": _QUANTIZERS[target]})


def _check_fixed(built: dict[str, Any]) -> None:
    for name in _REQUIRED:
        built[name]  # a missing one is named by the KeyError
    for name, value in built.items():
        if name in _FIXED:
            if type(value) is not type(_FIXED[name]) or value != _FIXED[name]:
                raise ModelError(f"{name} must be {_FIXED[name]}, not {value!r:.80}")
        elif name not in (*_BUILT, *_IGNORED):
            raise ModelError(f"ddconfig holds {name!r:.80}, which is not known")
