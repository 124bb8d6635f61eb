"""TAESD against its published names, and against its arithmetic written with plain functions."""

from pathlib import Path
from unittest.mock import patch

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from engine import Generation, Models, make_recipe
from engine.conversion.generator import convert_generator
from engine.errors import ModelError
from engine.models.catalogue import CATALOGUE, PAINTERS, add_models, find_models
from engine.models.loading import load_generator
from engine.models.taesd import Taesd, TaesdConfig
from engine.weights.registry import shipped_registry
from engine.weights.registry_entries import GeneratorEntry
from engine.weights.settings import WeightsSettings
from tests.engine.rounding import assert_equal_up_to_rounding

BLOCKS = {
    "encoder": (1, 3, 4, 5, 7, 8, 9, 11, 12, 13),
    "decoder": (3, 4, 5, 8, 9, 10, 13, 14, 15, 18),
}
"""Numbers of the residual blocks in the published files; the other numbers are convolutions."""
BARE = {"encoder": (2, 6, 10), "decoder": (7, 12, 17)}
"""Numbers of the convolutions without bias, at which the resolution changes."""


def published_shapes(part: str, channels: int) -> dict[str, tuple[int, ...]]:
    ends = {
        "encoder": {0: (64, 3), 14: (channels, 64)},
        "decoder": {1: (64, channels), 19: (3, 64)},
    }
    convs = {str(number): shape for number, shape in ends[part].items()}
    convs |= {f"{number}.conv.{each}": (64, 64) for number in BLOCKS[part] for each in (0, 2, 4)}
    shapes: dict[str, tuple[int, ...]] = {}
    for name, shape in convs.items():
        shapes |= {f"{name}.weight": (*shape, 3, 3), f"{name}.bias": shape[:1]}
    return shapes | {f"{number}.weight": (64, 64, 3, 3) for number in BARE[part]}


def filled(part: str, channels: int, seed: int) -> dict[str, Tensor]:
    random = torch.Generator().manual_seed(seed)
    shapes = published_shapes(part, channels)
    return {name: 0.03 * torch.randn(each, generator=random) for name, each in shapes.items()}


def witness(part: str, tensors: dict[str, Tensor], values: Tensor) -> Tensor:
    """Encode or decode with torch's functions only, in the order of the published numbers."""

    def conv(name: str, values: Tensor, stride: int = 1) -> Tensor:
        bias = tensors.get(f"{name}.bias")
        return F.conv2d(values, tensors[f"{name}.weight"], bias, stride=stride, padding=1)

    if part == "decoder":
        values = 3 * torch.tanh(values / 3)
    for number in range(20):
        if number in BLOCKS[part]:
            inner = F.relu(conv(f"{number}.conv.0", values))
            inner = F.relu(conv(f"{number}.conv.2", inner))
            values = F.relu(conv(f"{number}.conv.4", inner) + values)
        elif number in BARE[part] and part == "decoder":
            values = conv(str(number), values.repeat_interleave(2, 2).repeat_interleave(2, 3))
        elif number in BARE[part]:
            values = conv(str(number), values, stride=2)
        elif f"{number}.weight" in tensors:
            values = conv(str(number), values)
        elif number == 2:
            values = F.relu(values)
    return values


@pytest.fixture(params=[4, 16])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Path, int]:
    channels: int = request.param
    paths = tmp_path / "decoder.safetensors", tmp_path / "encoder.safetensors"
    for path in paths:
        save_file(filled(path.stem, channels, len(path.stem)), path)
    return *paths, channels


def converted(decoder: Path, encoder: Path) -> Path:
    values = {"name": "x", "kind": "taesd", "checkpoint": "d", "encoder": "e", "factor": 8}
    to = decoder.parent / "x.safetensors"
    convert_generator(GeneratorEntry.model_validate(values), {"d": decoder, "e": encoder}, to)
    return to


@pytest.mark.parametrize(("channels", "values"), [(4, 1_222_531), (16, 1_229_443)])
def test_names_and_shapes_are_the_published_ones(channels: int, values: int):
    with torch.device("meta"):
        state = Taesd(TaesdConfig(channels)).state_dict()
    for part in ("encoder", "decoder"):
        own = {
            name.removeprefix(f"{part}."): tuple(each.shape)
            for name, each in state.items()
            if name.startswith(part)
        }
        assert own == published_shapes(part, channels)
        assert len(own) == 67
    assert sum(each.numel() for name, each in state.items() if name.startswith("dec")) == values


def test_converted_files_encode_and_decode_as_the_witness(files: tuple[Path, Path, int]):
    decoder, encoder, channels = files
    generator = load_generator(converted(decoder, encoder))
    random = torch.Generator().manual_seed(1)
    picture = torch.rand((2, 3, 16, 24), generator=random)
    latents = 2 * torch.randn((2, channels, 2, 3), generator=random).requires_grad_()
    encoded = generator.encode(picture)
    assert encoded is not None
    part = {path.stem: filled(path.stem, channels, len(path.stem)) for path in (decoder, encoder)}
    assert_equal_up_to_rounding(encoded[0], witness("encoder", part["encoder"], picture))
    expected = witness("decoder", part["decoder"], latents)
    for recompute in (False, True):
        decoded = generator.decode((latents,), recompute=recompute)
        assert_equal_up_to_rounding(decoded, expected)
        (slope,) = torch.autograd.grad(decoded.sum(), latents)
        (truth,) = torch.autograd.grad(expected.sum(), latents, retain_graph=True)
        assert_equal_up_to_rounding(slope, truth)


def test_another_encoder_makes_other_weights(files: tuple[Path, Path, int]):
    decoder, encoder, channels = files
    before = converted(decoder, encoder).read_bytes()
    assert converted(decoder, encoder).read_bytes() == before
    save_file(filled("encoder", channels, 9), encoder)
    assert converted(decoder, encoder).read_bytes() != before


def test_files_of_another_form_are_refused(files: tuple[Path, Path, int]):
    decoder, encoder, _ = files
    with pytest.raises(ModelError, match="encoder.safetensors is no decoder of a TAESD"):
        converted(encoder, decoder)
    tensors = filled("encoder", 64, 1)
    save_file(tensors, encoder)
    with pytest.raises(ModelError, match="'encoder.14.weight' has the shape"):
        converted(decoder, encoder)


def test_a_run_paints_with_it(models: Models, files: tuple[Path, Path, int]):
    generator = load_generator(converted(*files[:2]))
    pair = Models("demo", generator, models.perceptors, {})
    options = {"steps": 2, "cutouts": 2, "quantization": "none", "start": "random"}
    run = Generation(make_recipe("a star", seed=1, size=(32, 24), **options), pair)
    start = run.latent.detach().clone()
    while not run.done:
        run.step()
    assert run.image().shape == (1, 3, 24, 32)
    assert run.image().isfinite().all()
    assert not torch.equal(run.latent, start)


@pytest.mark.parametrize("name", ["taesd", "taesdxl", "taef1"])
def test_recipes_of_the_registered_models_fit_the_generator(name: str, tmp_path: Path):
    with patch.dict(CATALOGUE), patch.dict(PAINTERS):
        add_models(WeightsSettings(folder=tmp_path))
        recipe = make_recipe("a lighthouse", seed=1, models=name)
        assert find_models(name).factor == 8
    assert (recipe.quantization, recipe.start, recipe.width % 8) == ("none", "random", 0)
    files = {file.file for file in shipped_registry().files_of(name)}
    assert {f"{name}-decoder.safetensors", f"{name}-encoder.safetensors"} < files
