"""Weights in files take memory only while something reads them."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.models.catalogue import CATALOGUE
from engine.models.loading import CONFIG_KEY, load_clip, read_config
from engine.models.mapped_weights import release

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux can give memory back")

DEMO = CATALOGUE["demo"].perceptors[0]


def resident(path: Path) -> int:
    """Return how many bytes of a file this process has in its memory."""
    text = Path("/proc/self/smaps").read_text(errors="replace")
    found = re.findall(rf"{re.escape(str(path))}\n.*?\nRss: +(\d+) kB", text, re.DOTALL)
    return 1024 * sum(map(int, found))


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """Write the demo CLIP in float32, as published weights are kept."""
    path = tmp_path / "clip.safetensors"
    tensors = {name: each.float() for name, each in load_file(DEMO).items()}
    save_file(tensors, path, metadata={CONFIG_KEY: json.dumps(read_config(DEMO))})
    return path


def test_towers_take_memory_only_while_they_compute(weights: Path):
    perceptor, usual = load_clip(weights), load_clip(DEMO)
    size = weights.stat().st_size
    loaded = resident(weights)
    assert loaded < size / 4
    texts = ["a red circle", "a ring"]
    for _ in range(2):
        assert torch.equal(perceptor.encode_text(texts), usual.encode_text(texts))
        assert resident(weights) < size / 4
    images = torch.rand((2, 3, 64, 64), generator=torch.Generator().manual_seed(0))
    assert torch.equal(perceptor.encode_image(images), usual.encode_image(images))
    assert resident(weights) > loaded


def test_weights_that_were_changed_are_kept(weights: Path):
    perceptor = load_clip(weights)
    layer: Any = perceptor.model.token_embedding
    layer.weight.data[0, 0] = 9.0
    release(perceptor.parameters())
    assert layer.weight[0, 0] == 9.0


def test_tensors_of_no_file_are_kept():
    tensor = torch.full((100_000,), 3.0)
    release([tensor])
    assert tensor.eq(3.0).all()
