from collections.abc import Callable

import pytest
import torch

from engine import Models
from engine.demo.claims import truth
from engine.demo.corruption import Pairs, make_outline_pairs, make_spoiled_pairs, spoil
from engine.demo.world import outline_distances, render
from engine.models.catalogue import find_models
from engine.models.codebook import nearest_codes
from engine.models.latent_generator import vqgan_of
from engine.models.loading import load_vqgan
from engine.models.vqgan import VQGAN

MakePairs = Callable[[VQGAN, int, torch.Generator], Pairs]


def test_spoiled_latents_consist_of_codes_and_range_from_whole_to_junk(models: Models) -> None:
    codebook = vqgan_of(models.generator).codebook
    codes = torch.randint(512, (1, 16, 16), generator=torch.Generator().manual_seed(1))
    latents = codebook[codes].movedim(-1, 1).expand(64, -1, -1, -1)
    share = torch.rand(64, 1, 1, 1, generator=torch.Generator().manual_seed(4))
    spoiled = spoil(latents, share, codebook, torch.Generator().manual_seed(2))
    assert torch.equal(codebook[nearest_codes(spoiled, codebook)].movedim(-1, 1), spoiled)
    kept = (nearest_codes(spoiled, codebook) == codes).flatten(1).float().mean(1)
    assert kept.min() < 0.1 and kept.max() > 0.9
    assert 0.2 < kept.mean() < 0.8


@pytest.mark.parametrize("make", [make_spoiled_pairs, make_outline_pairs])
def test_pairs_hold_a_picture_of_which_the_claim_is_true(make: MakePairs) -> None:
    vqgan = load_vqgan(find_models("demo").generator)
    pairs = make(vqgan, 64, torch.Generator().manual_seed(3))
    assert truth(pairs.claims, pairs.scenes).diagonal().all()
    assert torch.allclose(pairs.true, render(pairs.scenes), atol=1e-4)
    for pictures in (pairs.true, pairs.spoiled):
        assert pictures.shape == (64, 3, 64, 64)
        assert pictures.min() >= 0 and pictures.max() <= 1


def test_spoiled_pictures_range_from_nearly_true_to_junk() -> None:
    vqgan = load_vqgan(find_models("demo").generator)
    pairs = make_spoiled_pairs(vqgan, 64, torch.Generator().manual_seed(3))
    error = (pairs.true - pairs.spoiled).square().flatten(1).mean(1).sqrt()
    assert error.min() < 0.1 < 0.25 < error.max()


def test_a_wrong_outline_leaves_the_background_alone() -> None:
    vqgan = load_vqgan(find_models("demo").generator)
    pairs = make_outline_pairs(vqgan, 64, torch.Generator().manual_seed(5))
    assert (pairs.claims.shape[:, 0] == pairs.scenes.shape[:, 0]).all()
    far = outline_distances(pairs.scenes)[:, :1] > 10
    error = (pairs.true - pairs.spoiled).abs().mean(1, keepdim=True)
    inside = outline_distances(pairs.scenes)[:, :1] < 0
    assert error[far].median() < 0.05
    assert error[inside].mean() > 2 * error[far].mean()
