"""Read the architecture of a published VQGAN: from taming's yaml to a `VQGANConfig`.

The yaml is not trusted. Its length and depth are limited, the safe loader reads it, and references
are refused, since with them a few lines can expand without limit. Only the names of its classes are
read; nothing is imported.
"""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from engine.errors import ModelError
from engine.files import decode_text
from engine.models.vqgan import VQGANConfig

MAX_BYTES = 64 * 1024
"""The limit on the length of the file; the longest published one has 1.6 kB."""
_MAX_DEPTH = 16

_QUANTIZERS = {"taming.models.vqgan.VQModel": "nearest", "taming.models.vqgan.GumbelVQ": "gumbel"}
_TRANSFORMER = "taming.models.cond_transformer.Net2NetTransformer"
_KNOWN = "use VQModel, GumbelVQ or Net2NetTransformer of taming"

_BUILT = ("z_channels", "ch", "ch_mult", "num_res_blocks", "attn_resolutions", "resolution")
"""The keys of `ddconfig` that `VQGANConfig` has under the same name."""
_FIXED = {"in_channels": 3, "out_ch": 3, "double_z": False, "resamp_with_conv": True}
"""The keys of `ddconfig` for which this program's VQGAN supports only one value."""
_REQUIRED = ("in_channels", "out_ch", "double_z")
_IGNORED = ("dropout",)
"""The keys of `ddconfig` that matter only in training."""


def read_architecture(path: Path) -> VQGANConfig:
    """Read the architecture from one of taming's configuration files.

    Raises `ModelError` with the key that is missing, wrong or unknown.
    """
    with reading_configuration(path) as content:
        return _architecture(content["model"])


@contextmanager
def reading_configuration(path: Path) -> Generator[Any]:
    """Parse a yaml file for the block, and turn its errors into a `ModelError` for the file.

    A `KeyError` of the block means that the file lacks the key.
    """
    file = f"the configuration {path.name}"
    try:
        yield _parsed(path)
    except FileNotFoundError as error:
        raise ModelError(f"{file} is missing") from error
    except KeyError as error:
        raise ModelError(f"{file} lacks {error.args[0]}") from error
    except UnicodeError as error:
        raise ModelError(f"{file} is not text") from error
    except (ModelError, ValueError) as error:
        raise ModelError(f"{file} cannot be used: {error}") from error
    except Exception as error:
        # A file that is not trusted can raise nearly anything.
        raise ModelError(f"{file} is damaged or of an unknown format") from error


def _parsed(path: Path) -> Any:
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ModelError(f"it is larger than {MAX_BYTES // 1024} kB")
    text = decode_text(content)
    _check_form(text)
    return yaml.safe_load(text)


def _check_form(text: str) -> None:
    """Refuse references and deep nesting before loading, since both can exhaust memory."""
    depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise ModelError("it contains references, which such a file does not need")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _MAX_DEPTH:
            raise ModelError("it is nested too deeply")


def _architecture(model: dict[str, Any], *, whole: bool = True) -> VQGANConfig:
    """Convert a `target` and its `params`; `whole` is False for the part of another model."""
    target, params = model["target"], model["params"]
    if target == _TRANSFORMER and whole:
        return _architecture(params["first_stage_config"], whole=False)
    if not isinstance(target, str) or target not in _QUANTIZERS:
        raise ModelError(f"the class {target!r:.200} is unknown, {_KNOWN}")
    built = params["ddconfig"]
    _check_fixed(built)
    values = {name: built[name] for name in _BUILT}
    values |= {name: params[name] for name in ("n_embed", "embed_dim")}
    return VQGANConfig.from_dict(values | {"quantizer": _QUANTIZERS[target]})


def _check_fixed(built: dict[str, Any]) -> None:
    for name in _REQUIRED:
        built[name]  # the KeyError says which one is missing
    for name, value in built.items():
        if name in _FIXED:
            if type(value) is not type(_FIXED[name]) or value != _FIXED[name]:
                raise ModelError(f"{name} must be {_FIXED[name]}, not {value!r:.80}")
        elif name not in (*_BUILT, *_IGNORED):
            raise ModelError(f"ddconfig has the unknown key {name!r:.80}")
