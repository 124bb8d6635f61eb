"""A dedicated network that enlarges pictures, from a tiny file in the published layout."""

import io
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from engine.cli import main
from engine.editing.upscaler import UpscalerNetwork
from engine.errors import ModelError
from engine.images import png

CHANNELS = 8


def compact(scale: int, seed: int = 1) -> dict[str, Tensor]:
    """Return a random SRVGGNetCompact of Real-ESRGAN, under its published names.

    Two convolutions of 8 channels with PReLU, and one to `scale` x `scale` pixels of 3 channels,
    which are added to the nearest pixels.
    """
    random = torch.Generator().manual_seed(seed)
    shapes = ((CHANNELS, 3), (CHANNELS, CHANNELS), (3 * scale**2, CHANNELS))
    tensors: dict[str, Tensor] = {}
    for index, (out, into) in enumerate(shapes):
        tensors[f"body.{2 * index}.weight"] = 0.1 * torch.randn(out, into, 3, 3, generator=random)
        tensors[f"body.{2 * index}.bias"] = torch.zeros(out)
        if index < 2:
            tensors[f"body.{2 * index + 1}.weight"] = torch.full((out,), 0.25)
    return tensors


def computed(picture: Image.Image, tensors: dict[str, Tensor], scale: int) -> np.ndarray:
    """Return what the network makes of a whole picture, by plain functions."""
    pixels = torch.from_numpy(np.asarray(picture, dtype=np.float32) / 255).movedim(-1, 0)[None]
    padded = values = F.pad(pixels, [16] * 4, mode="replicate")
    for index in (0, 2, 4):
        weight, bias = tensors[f"body.{index}.weight"], tensors[f"body.{index}.bias"]
        values = F.conv2d(values, weight, bias, padding=1)
        if index < 4:
            values = F.prelu(values, tensors[f"body.{index + 1}.weight"])
    large = F.pixel_shuffle(values, scale) + F.interpolate(padded, scale_factor=scale)
    inner = large[0, :, 16 * scale : -16 * scale, 16 * scale : -16 * scale]
    return inner.clamp(0, 1).mul(255).movedim(0, -1).numpy()


def photo(size: tuple[int, int] = (150, 140)) -> Image.Image:
    noise = np.random.default_rng(3).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
    return Image.fromarray(noise)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("scale", [2, 4])
def test_tiles_join_to_what_the_whole_picture_gives(tmp_path: Path, scale: int):
    tensors = compact(scale)
    save_file(tensors, tmp_path / "net.safetensors")
    network = UpscalerNetwork(tmp_path / "net.safetensors")
    assert network.scale == scale
    told: list[tuple[int, int]] = []
    large = network.enlarge(photo(), scale, lambda *each: told.append(each))
    assert large.size == (150 * scale, 140 * scale)
    assert np.abs(np.asarray(large) - computed(photo(), tensors, scale)).max() <= 0.51
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_network_for_another_factor_is_applied_twice_or_averaged(tmp_path: Path):
    for scale, factor in ((2, 4), (4, 2)):
        save_file(compact(scale), tmp_path / f"{scale}.safetensors")
        network = UpscalerNetwork(tmp_path / f"{scale}.safetensors")
        assert network.enlarge(photo((20, 17)), factor).size == (20 * factor, 17 * factor)


class _Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (Path.touch, (Path("ran"),))  # pyright: ignore[reportReturnType]


def test_published_pickles_are_read_and_nothing_in_a_file_is_run(folder: Path):
    torch.save({"params_ema": compact(2)}, folder / "net.pth")
    assert UpscalerNetwork(folder / "net.pth").scale == 2
    (folder / "evil.pth").write_bytes(pickle.dumps({"params": _Evil()}))
    buffer = io.BytesIO()
    torch.save({"params": _Evil()}, buffer)
    (folder / "evil2.pth").write_bytes(buffer.getvalue())
    for name in ("evil.pth", "evil2.pth", "none.pth"):
        with pytest.raises(ModelError, match=name):
            UpscalerNetwork(folder / name)
    assert not (folder / "ran").exists()


def test_files_of_other_networks_are_refused_by_name(tmp_path: Path):
    save_file({"a": torch.zeros(3)}, tmp_path / "other.safetensors")
    save_file(compact(3), tmp_path / "three.safetensors")
    for name, reason in (("other", "no network that is known"), ("three", "2 or 4 times")):
        with pytest.raises(ModelError, match=reason):
            UpscalerNetwork(tmp_path / f"{name}.safetensors")


def test_the_command_line_enlarges_by_the_network_of_the_settings(
    folder: Path, capsys: pytest.CaptureFixture
):
    save_file(compact(4), folder / "net.safetensors")
    photo((20, 18)).save(folder / "from.png")
    (folder / "config.toml").write_text("[engine]\nupscaler = 'net.safetensors'\n")
    command = ["upscale", "from.png", "--by", "network", "--factor", "4"]
    assert main([*command, "--out", "a.png"]) == 0
    assert capsys.readouterr().out == "a.png\n"
    with Image.open(folder / "a.png") as large:
        assert large.size == (80, 72)
    content = (folder / "a.png").read_bytes()
    assert "net.safetensors" in png.read_text(content)["vqgan-clip-upscaler"]
    assert main([*command, "--upscaler", "net.safetensors", "--out", "b.png"]) == 0
    assert (folder / "b.png").read_bytes() == content


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--by", "network"], "add --upscaler FILE"),
        (["--by", "network", "--steps", "3"], "a network takes no --steps"),
        (["a cat", "--by", "network"], "a network takes no PROMPT"),
        (["--upscaler", "net.safetensors"], "add --by network"),
        (["--by", "network", "--upscaler", "gone.pth"], "the checkpoint gone.pth is missing"),
        (["--by", "magic"], "--by"),
    ],
)
def test_what_a_network_cannot_do_is_refused(
    folder: Path, arguments: list[str], told: str, capsys: pytest.CaptureFixture
):
    photo((20, 18)).save(folder / "from.png")
    assert main(["upscale", "from.png", *arguments, "--out", "a.png"]) == 2
    assert told in capsys.readouterr().err
    assert not (folder / "a.png").exists()
