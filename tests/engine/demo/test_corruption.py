import torch

from engine import Models
from engine.catalogue import find_models
from engine.demo.captions import truth
from engine.demo.corruption import make_pairs, spoil
from engine.latents import nearest_codes
from engine.models import load_vqgan


def test_spoiled_latents_consist_of_codes_and_range_from_whole_to_junk(models: Models) -> None:
    codebook = models.generator.codebook
    codes = torch.randint(512, (1, 16, 16), generator=torch.Generator().manual_seed(1))
    latents = codebook[codes].movedim(-1, 1).expand(256, -1, -1, -1)
    spoiled = spoil(latents, codebook, torch.Generator().manual_seed(2))
    assert torch.allclose(codebook[nearest_codes(spoiled, codebook)].movedim(-1, 1), spoiled)
    kept = (nearest_codes(spoiled, codebook) == codes).flatten(1).float().mean(1)
    assert kept.min() < 0.1 and kept.max() > 0.9
    assert 0.2 < kept.mean() < 0.8


def test_pairs_hold_a_picture_of_which_the_claim_is_true() -> None:
    vqgan = load_vqgan(find_models("demo").generator)
    pairs = make_pairs(vqgan, 64, torch.Generator().manual_seed(3))
    assert truth(pairs.claims, pairs.scenes).diagonal().all()
    for pictures in (pairs.true, pairs.spoiled):
        assert pictures.shape == (64, 3, 64, 64)
        assert pictures.min() >= 0 and pictures.max() <= 1
    error = (pairs.true - pairs.spoiled).square().flatten(1).mean(1).sqrt()
    assert error.min() < 0.1 < 0.25 < error.max()
