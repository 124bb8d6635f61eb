import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from engine.models.clip import ClipPerceptor, build_clip, rebuild_causal_mask
from engine.models.loading import Models
from tests.engine.rounding import assert_equal_up_to_rounding

ODD_TEXTS = [
    "",
    "a zyxgrfl of qwmbvtk",
    "🎨🔴⭐",
    "👩‍👩‍👧‍👦",
    "دائرة حمراء على خلفية زرقاء",
    "עיגול אדום",
    "红色的圆圈",
    "a\u202ecircle\u202c",
    "\u200b\u200d",
    "&lt;b&gt; <start_of_text> <end_of_text> \\x00 \x00",
    "x" * 4000,
    "word " * 800,
    "🎨" * 4000,
]


@pytest.fixture(scope="module")
def perceptor(models: Models) -> ClipPerceptor:
    perceptor = models.perceptors[0]
    assert isinstance(perceptor, ClipPerceptor)
    return perceptor


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def token_count(perceptor: ClipPerceptor, text: str) -> int:
    return len(perceptor.tokenizer.encode(text))


def assert_unit(embeddings: torch.Tensor) -> None:
    assert_equal_up_to_rounding(embeddings.norm(dim=-1), torch.ones(len(embeddings)))


def test_pictures_are_embedded_as_by_open_clip(perceptor: ClipPerceptor):
    size = perceptor.input_size
    images = torch.rand((3, 3, size, size), generator=seeded())
    mean = torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(3, 1, 1)
    std = torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(3, 1, 1)
    with torch.no_grad():
        expected = perceptor.model.encode_image((images - mean) / std, normalize=True)
    embeddings = perceptor.encode_image(images)
    assert_equal_up_to_rounding(embeddings, expected)
    assert_unit(embeddings)


def test_the_gradient_reaches_the_picture(perceptor: ClipPerceptor):
    size = perceptor.input_size
    images = torch.full((1, 3, size, size), 0.5, requires_grad=True)
    perceptor.encode_image(images)[0, 0].backward()
    assert images.grad is not None
    assert images.grad.isfinite().all()
    assert images.grad.abs().max() > 0


def test_texts_are_embedded_as_by_open_clip(perceptor: ClipPerceptor):
    texts = ["a red circle", "a blue star on a white background"]
    with torch.no_grad():
        expected = perceptor.model.encode_text(perceptor.tokenizer(texts), normalize=True)
    assert_equal_up_to_rounding(perceptor.encode_text(texts), expected)


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_texts_that_it_never_saw_have_an_embedding(perceptor: ClipPerceptor, text: str):
    embedding = perceptor.encode_text([text])
    assert embedding.isfinite().all()
    assert_unit(embedding)


@settings(max_examples=25)
@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_has_an_embedding(perceptor: ClipPerceptor, text: str):
    assert_unit(perceptor.encode_text([text]))
    assert text.startswith(perceptor.truncate_to_context(text))


def test_a_short_text_is_readable_as_it_was_written(perceptor: ClipPerceptor):
    for text in ("a red circle", "A  Red\nCircle, on WHITE!", "", "word " * 75):
        assert perceptor.truncate_to_context(text) == text


def test_the_readable_part_ends_where_the_77_tokens_end(perceptor: ClipPerceptor):
    text = "A Red, red circle. " + " ".join(["star", "ring"] * 50)
    readable = perceptor.truncate_to_context(text)
    assert text.startswith(readable)
    assert token_count(perceptor, readable) == 75  # start and end take the other two
    assert readable.endswith(("star ", "ring "))
    same = perceptor.encode_text([text, readable, readable + "a blue cross"])
    assert_equal_up_to_rounding(same[1:], same[:1].expand(2, -1))
    shorter = perceptor.encode_text([readable.rsplit(maxsplit=1)[0]])
    assert (shorter - same[:1]).abs().max() > 0.01


@pytest.mark.parametrize("text", ["x" * 4000, "红色的圆圈" * 800, "🎨" * 4000, "!?" * 2000])
def test_texts_without_spaces_are_cut_as_well(perceptor: ClipPerceptor, text: str):
    readable = perceptor.truncate_to_context(text)
    assert text.startswith(readable)
    assert 73 <= token_count(perceptor, readable) <= 75
    assert token_count(perceptor, text[: len(readable) + 1]) > 75


@pytest.mark.parametrize(
    "vision",
    [
        {"image_size": 32, "layers": 1, "width": 64, "head_width": 32, "patch_size": 16},
        {"image_size": 64, "layers": [1, 1, 1, 1], "width": 8, "patch_size": None},
    ],
    ids=["transformer", "resnet"],
)
def test_both_kinds_of_towers_fit(vision: dict[str, object]):
    text = {"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1}
    with torch.random.fork_rng(devices=[]):
        model, tokenizer = build_clip({"embed_dim": 8, "vision_cfg": vision, "text_cfg": text})
    perceptor = ClipPerceptor(model, tokenizer, mean=(0.5,) * 3, std=(0.5,) * 3).eval()
    assert perceptor.input_size == vision["image_size"]
    images = torch.rand((2, 3, perceptor.input_size, perceptor.input_size), generator=seeded())
    with torch.no_grad():
        embeddings = perceptor.encode_image(images)
        expected = F.normalize(model.encode_image(images * 2 - 1), dim=-1)
    assert_equal_up_to_rounding(embeddings, expected)
    assert len(perceptor.truncate_to_context("ring " * 50).split()) == 14


SMALL = {
    "embed_dim": 8,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}


def test_a_mask_that_was_never_built_is_restored_as_open_clip_builds_it():
    with torch.random.fork_rng(devices=[]):
        original = build_clip(SMALL)[0]
    with torch.device("meta"):
        model = build_clip(SMALL)[0]
    rebuild_causal_mask(model)
    torch.testing.assert_close(dict(model.named_buffers()), dict(original.named_buffers()))


@pytest.mark.parametrize(
    "changed",
    [
        {"vision_cfg": {"timm_model_name": "vit_tiny", "timm_model_pretrained": True}},
        {"text_cfg": {"hf_model_name": "roberta-base", "hf_model_pretrained": True}},
        {"tokenizer": "sentencepiece"},
    ],
)
def test_nothing_that_would_be_fetched_is_built(changed: dict[str, object]):
    with pytest.raises(ValueError, match="only SigLIP 2's towers|the tokenizer must be"):
        build_clip(SMALL | changed)
