"""Convert the published files of a generator, of whatever kind."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from torch import Tensor

from engine.conversion.checkpoint import checkpoint_form, read_checkpoint
from engine.conversion.convert import convert_module, convert_vqgan
from engine.conversion.taming_kin import (
    LLAMAGEN,
    LLAMAGEN_FINE,
    convert_ibq,
    convert_llamagen,
    convert_sd_vae,
)
from engine.conversion.weights_file import sha256_of
from engine.errors import ModelError
from engine.models.generators import KIND_KEY, build_network
from engine.models.loading import save_weights
from engine.models.taesd import Taesd, TaesdConfig
from engine.weights.registry_entries import GeneratorEntry


def convert_generator(entry: GeneratorEntry, paths: Mapping[str, Path], to: Path) -> None:
    """Convert a generator's files to weights for `engine.models.loading.load_generator`.

    Args:
        entry: its entry in the registry.
        paths: the paths of its files by their names in the registry.
        to: the path of the weights, in a folder that exists. A file that was made from these stays.

    Raises:
        ModelError: as in `engine.conversion.convert.convert_vqgan`.
    """
    files = {part: paths[name] for part, name in entry.parts.items()}
    if not files:
        write_weightless(entry.kind, entry.factor, to)
        return
    match entry.kind:
        case "taesd":
            convert_taesd(files["checkpoint"], files["encoder"], to)
        case "ibq":
            convert_ibq(files["checkpoint"], to)
        case "llamagen":
            architecture = LLAMAGEN_FINE if entry.factor == LLAMAGEN_FINE.factor else LLAMAGEN
            convert_llamagen(files["checkpoint"], to, architecture)
        case "sd-vae":
            convert_sd_vae(files["checkpoint"], to)
        case _:
            convert_vqgan(files["checkpoint"], files["config"], to)


def write_weightless(kind: str, multiple: int, to: Path) -> None:
    """Write the file of a generator without weights: its kind, and what sides are multiples of.

    A file that is there stays.
    """
    if to.exists():
        return
    config = {KIND_KEY: kind, "multiple": multiple}
    part = to.with_name(f".{to.name}.part")
    save_weights(build_network(config), config, part)
    part.replace(to)


def convert_taesd(decoder: Path, encoder: Path, to: Path) -> None:
    """Convert the two published files of a TAESD; arguments and errors as in `convert_vqgan`."""

    def read(_: Path) -> dict[str, Tensor]:
        parts = {"decoder": read_checkpoint(decoder), "encoder": read_checkpoint(encoder)}
        return {f"{part}.{name}": each for part, own in parts.items() for name, each in own.items()}

    checkpoint_form(encoder)  # raises at once if it is missing
    first = read_checkpoint(decoder).get("1.weight")
    if first is None or first.dim() != 4:
        raise ModelError(f"the checkpoint {decoder.name} is no decoder of a TAESD")
    config = TaesdConfig(channels=first.shape[1], encoder_sha256=sha256_of(encoder))
    values = {KIND_KEY: "taesd", **asdict(config)}
    convert_module(decoder, values, to, build=lambda: Taesd(config), read=read)
