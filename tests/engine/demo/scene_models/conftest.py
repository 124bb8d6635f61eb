"""Few drawn scenes, and models of random weights, for the tests of the training."""

from pathlib import Path

import pytest
import torch

from engine.demo.scene_models.pictures import DrawnScenes, draw_scenes
from engine.demo.scene_models.vqgan import CONFIG
from engine.models.vqgan import VQGAN


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder where the pictures are drawn once."""
    return tmp_path_factory.mktemp("scenes")


@pytest.fixture(scope="session")
def scenes(folder: Path) -> DrawnScenes:
    """Return the pictures of 12 cores in 4 variants."""
    return draw_scenes(folder, seed=3, processes=1, cores=12, variants=4)


@pytest.fixture(scope="session")
def vqgan() -> VQGAN:
    """Return a VQGAN of the architecture of the scenes', with random weights."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return VQGAN(CONFIG).eval().requires_grad_(False)
