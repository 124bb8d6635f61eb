import gzip
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.mindalle.transformer import CODES, Cache, CodeTransformer, TransformerConfig
from engine.models.vqgan import VQGAN, VQGANConfig
from tests.engine.mindalle.small import CONFIG, random_transformer, torch_layers

PUBLISHED = Path(__file__).with_name("published_tensors.txt.gz")
"""Names and shapes of all tensors in the published files, one section for each file."""


@pytest.fixture(scope="module")
def transformer() -> CodeTransformer:
    return random_transformer()


def published(file: str) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the tensors in a published file by name."""
    sections = gzip.decompress(PUBLISHED.read_bytes()).decode().split("## ")
    (section,) = (each for each in sections if each.startswith(file))
    found: Iterator[tuple[str, str]] = iter(re.findall(r"^(\S+) \[(.*)\] float32$", section, re.M))
    return {name: tuple(int(size) for size in shape.split(", ")) for name, shape in found}


def shapes(module: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(values.shape) for name, values in module.state_dict().items()}


def test_at_full_size_the_weights_have_the_published_names_and_shapes():
    config = TransformerConfig(
        tokens=16384, text_length=64, codes=16384, width=1536, layers=42, heads=24
    )
    with torch.device("meta"):
        transformer = CodeTransformer(config)
    expected = published("stage2")
    del expected["head_txt.weight"]  # predicts text, in training only
    assert len(expected) == 679
    assert shapes(transformer) == expected


def test_the_first_stage_is_a_vqgan_of_the_usual_form():
    config = VQGANConfig(
        n_embed=16384,
        embed_dim=256,
        z_channels=256,
        ch=128,
        ch_mult=(1, 1, 2, 2, 4),
        num_res_blocks=2,
        attn_resolutions=(16,),
        resolution=256,
    )
    with torch.device("meta"):
        vqgan = VQGAN(config)
    assert shapes(vqgan) == published("stage1")


def example() -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(1)
    tokens = torch.randint(CONFIG.tokens, (1, CONFIG.text_length), generator=random)
    return tokens, torch.randint(CONFIG.codes, (3, CODES - 1), generator=random)


def test_logits_are_those_of_torchs_own_layers(transformer: CodeTransformer):
    tokens, codes = example()
    weights = transformer.state_dict()
    text = F.embedding(tokens, weights["tok_emb_txt.weight"]) + weights["pos_emb_txt.weight"]
    picture = F.embedding(codes, weights["tok_emb_img.weight"]) + weights["pos_emb_img.weight"][:-1]
    x = torch.cat((text.expand(3, -1, -1), picture), dim=1)
    mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1])
    with torch.no_grad():
        x = torch_layers(transformer)(x, mask=mask, is_causal=True)
    x = F.layer_norm(x, (CONFIG.width,), weights["ln_f.weight"], weights["ln_f.bias"])
    expected = F.linear(x[:, CONFIG.text_length - 1 :], weights["head_img.weight"])
    logits = transformer(tokens.expand(3, -1), codes)
    assert logits.std() > 0.3
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-4)


def test_reading_code_by_code_gives_the_same_logits(transformer: CodeTransformer):
    tokens, codes = example()
    logits, cache = transformer.read(tokens, len(codes))
    each = [logits] + [transformer.next_logits(column, cache) for column in codes.T]
    expected = transformer(tokens.expand(3, -1), codes)
    torch.testing.assert_close(torch.stack(each, dim=1), expected, rtol=1e-4, atol=1e-4)


def test_in_bfloat16_logits_and_sums_stay_float32():
    tokens, codes = example()
    half = random_transformer()
    half.freeze_for_inference(torch.bfloat16)
    logits, cache = half.read(tokens, 3)
    assert cache.memory.dtype == torch.bfloat16
    following = half.next_logits(codes[:, 0], cache)
    assert logits.dtype == following.dtype == torch.float32
    exact = random_transformer()(tokens.expand(3, -1), codes[:, :1])
    torch.testing.assert_close(torch.stack((logits, following), 1), exact, rtol=0.05, atol=0.05)


def test_a_picture_fits_into_the_cache_exactly(transformer: CodeTransformer):
    cache = Cache(CONFIG, 3, transformer.head_img.weight)
    assert cache.memory.shape == (2, 2, 3, 4, CONFIG.text_length + 256, 8)


@pytest.mark.parametrize(
    "change",
    [
        {"width": 33},
        {"layers": 0},
        {"layers": 10**6},
        {"heads": 2.0},
        {"codes": True},
        {"tokens": None},
        {"words": [1]},
        {"words": ["a" * 65]},
    ],
)
def test_an_architecture_that_cannot_be_is_refused(change: dict[str, object]):
    values = {"tokens": 12, "text_length": 6, "codes": 24, "width": 32, "layers": 2, "heads": 4}
    assert TransformerConfig.from_dict(values) == CONFIG
    with pytest.raises(ValueError):
        TransformerConfig.from_dict(values | change)
