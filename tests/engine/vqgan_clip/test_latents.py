import pytest
import torch
from torch import Tensor

from engine.models.codebook import look_up, nearest_codes, quantize, random_codes, sample_codes
from tests.engine.rounding import assert_equal_up_to_rounding


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=seeded(seed))


CODEBOOK = normal(50, 7, seed=1)


@pytest.mark.parametrize("shape", [(1, 7, 1, 1), (2, 7, 5, 3), (1, 7, 16, 16)])
def test_nearest_code_has_the_least_distance(shape: tuple[int, ...]):
    latents = 2 * normal(*shape)
    cells = latents.permute(0, 2, 3, 1).reshape(-1, 7)
    expected = torch.cdist(cells, CODEBOOK, compute_mode="donot_use_mm_for_euclid_dist").argmin(1)
    codes = nearest_codes(latents, CODEBOOK)
    assert codes.shape == (shape[0], *shape[2:])
    assert torch.equal(codes.flatten(), expected)


def test_nearest_code_of_a_code_is_itself():
    codes = torch.arange(50).view(1, 5, 10)
    latents = look_up(codes, CODEBOOK)
    assert latents.shape == (1, 7, 5, 10)
    assert torch.equal(latents[0, :, 2, 3], CODEBOOK[23])
    assert torch.equal(nearest_codes(latents, CODEBOOK), codes)


def test_quantize_returns_exact_codebook_entries():
    latents = 100 * normal(2, 7, 5, 3)
    quantised = quantize(latents, CODEBOOK)
    assert torch.equal(quantised, look_up(nearest_codes(latents, CODEBOOK), CODEBOOK))
    assert torch.equal(quantize(quantised, CODEBOOK), quantised)


def test_quantize_passes_the_gradient_unchanged():
    latents = normal(2, 7, 5, 3).requires_grad_()
    upstream = normal(2, 7, 5, 3, seed=2)
    quantize(latents, CODEBOOK).backward(upstream)
    assert latents.grad is not None
    assert torch.equal(latents.grad, upstream)


def test_sample_is_one_code_per_cell():
    latents = sample_codes(normal(2, 50, 5, 3), CODEBOOK, seeded())
    assert latents.shape == (2, 7, 5, 3)
    assert torch.equal(latents, look_up(nearest_codes(latents, CODEBOOK), CODEBOOK))


def test_samples_follow_the_softmax():
    shares = torch.tensor([0.05, 0.15, 0.3, 0.5])
    count = 40_000
    logits = (shares.log() + 3).view(1, 4, 1, 1).expand(1, 4, 200, 200)
    latents = sample_codes(logits, torch.eye(4), seeded())
    observed = latents.sum((0, 2, 3))
    chi_square = ((observed - count * shares).square() / (count * shares)).sum()
    assert chi_square < 16.3  # exceeded once in a thousand seeds, with three degrees of freedom


def test_nearly_certain_code_is_always_drawn():
    logits = torch.zeros(1, 50, 8, 8)
    logits[:, 13] = 100
    assert torch.equal(
        sample_codes(logits, CODEBOOK, seeded()),
        CODEBOOK[13].view(1, 7, 1, 1).expand(1, 7, 8, 8),
    )


def test_sample_gradient_is_that_of_the_softmax():
    logits = normal(1, 50, 2, 2).requires_grad_()
    upstream = normal(1, 7, 2, 2, seed=2)
    sample_codes(logits, CODEBOOK, seeded(3)).backward(upstream)
    uniform = torch.rand(logits.shape, generator=seeded(3))
    soft = (logits.detach() - (-uniform.log()).log()).softmax(1)
    slope = torch.einsum("nchw,kc->nkhw", upstream, CODEBOOK)
    expected = soft * (slope - (soft * slope).sum(1, keepdim=True))
    assert logits.grad is not None
    assert_equal_up_to_rounding(logits.grad, expected)


def test_random_codes_are_uniform():
    latents = random_codes((2, 100, 100), CODEBOOK, seeded())
    assert latents.shape == (2, 7, 100, 100)
    codes = nearest_codes(latents, CODEBOOK)
    assert torch.equal(latents, look_up(codes, CODEBOOK))
    counts = codes.flatten().bincount(minlength=50)
    assert counts.min() > 300
    assert counts.max() < 500


def test_draws_depend_on_the_seed():
    logits = torch.zeros(1, 50, 4, 4)
    for draw in (
        lambda seed: random_codes((1, 4, 4), CODEBOOK, seeded(seed)),
        lambda seed: sample_codes(logits, CODEBOOK, seeded(seed)),
    ):
        assert torch.equal(draw(1), draw(1))
        assert not torch.equal(draw(1), draw(2))
