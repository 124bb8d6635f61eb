from pathlib import Path

import pytest
import torch

from engine.demo import train_transformer, wordings
from engine.demo.train_transformer import Training, encode, vocabulary
from engine.demo.world import render, sample_scenes
from engine.mindalle.tokens import split_words
from engine.models.latent_generator import vqgan_of
from engine.models.loading import Models
from engine.models.vqgan import VQGAN


@pytest.fixture
def vqgan(models: Models) -> VQGAN:
    return vqgan_of(models.generator)


def test_the_transformer_learns_and_continues_as_if_never_interrupted(
    vqgan: VQGAN, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(train_transformer, "BATCH", 4)
    monkeypatch.setattr(train_transformer, "NEW", 2)
    whole = Training(vqgan, seed=1, steps=5)
    path = tmp_path / "training.pt"
    for step in range(5):
        if step == 4:
            torch.save(whole.state_dict(), path)
        whole.step()
    assert whole.losses[-1] < whole.losses[0] - 0.1
    resumed = Training(vqgan, seed=1, steps=5)
    resumed.load_state_dict(torch.load(path, weights_only=True))
    while resumed.steps_done < 5:
        resumed.step()
    assert resumed.losses == whole.losses
    for name, values in whole.model.state_dict().items():
        assert torch.equal(resumed.model.state_dict()[name], values), name


def test_scenes_are_encoded_row_by_row_so_that_the_decoder_gives_them_back(vqgan: VQGAN):
    scenes = sample_scenes(3, torch.Generator().manual_seed(2))
    codes = encode(vqgan, scenes)
    assert codes.shape == (3, 256)
    decoded = vqgan.decode(vqgan.codebook[codes.view(3, 16, 16)].movedim(-1, 1))
    assert (decoded - render(scenes)).abs().mean() < 0.03


def test_the_vocabulary_has_the_words_that_models_are_measured_with():
    words = set(vocabulary())
    for number in range(len(wordings.TEMPLATES)):
        prompt = wordings.plain_prompt("star", "red", "orange", number)
        assert set(split_words(prompt)) <= words, prompt
    assert len(words) < 200
