"""Compare both halves of the joint embedding with torchvision's ResNet and the GRU's formulas."""

import pytest
import torch
from torch.nn import functional as F
from torchvision.models import ResNet
from torchvision.models.resnet import Bottleneck

from engine.open_edit.configs import EmbeddingConfig
from engine.open_edit.embedding import JointEmbedding
from tests.engine.open_edit.small import EMBEDDING, filled, random_numbers
from tests.engine.rounding import assert_equal_up_to_rounding

PUBLISHED_WIDTH = EmbeddingConfig(words=3, width=64, blocks=(1, 2, 1, 1), joint=16, word_width=5)
TORCHVISION_NAMES = {
    "conv1": "0",
    "bn1": "1",
    "layer1": "4",
    "layer2": "5",
    "layer3": "6",
    "layer4": "7",
}


@pytest.fixture(scope="module")
def small() -> JointEmbedding:
    return filled(JointEmbedding(EMBEDDING))


def torchvision_cells(embedding: JointEmbedding, images: torch.Tensor) -> torch.Tensor:
    """Compute the cells with torchvision's own ResNet."""
    resnet = ResNet(Bottleneck, list(embedding.config.blocks)).eval()
    weights = embedding.cnn.state_dict()
    ours = {
        f"{name}.{key.removeprefix(number + '.')}": value
        for name, number in TORCHVISION_NAMES.items()
        for key, value in weights.items()
        if key.startswith(number + ".")
    }
    heads = {k: v for k, v in resnet.state_dict().items() if k.startswith("fc.")}
    resnet.load_state_dict(ours | heads)
    hidden = resnet.maxpool(resnet.relu(resnet.bn1(resnet.conv1(images))))
    for layer in (resnet.layer1, resnet.layer2, resnet.layer3, resnet.layer4):
        hidden = layer(hidden)
    cells = embedding.conv1x1(hidden)
    return cells / cells.norm(dim=1, keepdim=True)


def test_the_pictures_half_is_torchvisions_resnet_on_pictures_from_minus_1_to_1():
    embedding = filled(JointEmbedding(PUBLISHED_WIDTH))
    images = torch.rand(1, 3, 64, 96, generator=random_numbers())
    found = embedding.encode_image(images)
    assert found.shape == (1, 16, 2, 3)
    assert_equal_up_to_rounding(found, torchvision_cells(embedding, images * 2 - 1))


def test_the_gradient_of_the_cells_is_that_of_torchs_layers():
    embedding = filled(JointEmbedding(PUBLISHED_WIDTH))
    images = torch.rand(1, 3, 64, 64, generator=random_numbers()).requires_grad_()
    direction = torch.randn(1, 16, 2, 2, generator=random_numbers(1))
    (found,) = torch.autograd.grad((embedding.encode_image(images) * direction).sum(), images)
    expected = (torchvision_cells(embedding, images * 2 - 1) * direction).sum()
    (wanted,) = torch.autograd.grad(expected, images)
    assert_equal_up_to_rounding(found, wanted)


def test_cells_have_the_length_1(small: JointEmbedding):
    cells = small.encode_image(torch.rand(2, 3, 64, 64, generator=random_numbers()))
    torch.testing.assert_close(cells.norm(dim=1), torch.ones(2, 2, 2))


def test_a_phrase_is_the_last_state_of_a_gru(small: JointEmbedding):
    """The formulas of Cho et al. (2014), with torch's order of the gates: reset, update, new."""
    weights, state = small.state_dict(), torch.zeros(EMBEDDING.joint)
    for token in (1, 4, 6, 2):
        word = weights["embed.weight"][token]
        given = weights["rnn.weight_ih_l0"] @ word + weights["rnn.bias_ih_l0"]
        kept = weights["rnn.weight_hh_l0"] @ state + weights["rnn.bias_hh_l0"]
        reset, update = (given + kept)[: 2 * EMBEDDING.joint].sigmoid().chunk(2)
        new = (given.chunk(3)[2] + reset * kept.chunk(3)[2]).tanh()
        state = update * state + (1 - update) * new
    found = small.encode_text(torch.tensor([[1, 4, 6, 2]]))
    torch.testing.assert_close(found, F.normalize(state, dim=0)[None], rtol=1e-4, atol=1e-5)


def test_the_order_of_words_counts(small: JointEmbedding):
    one, other = small.encode_text(torch.tensor([[1, 4, 6, 2], [1, 6, 4, 2]]))
    assert not torch.allclose(one, other)


def test_lower_precision_stays_near(small: JointEmbedding):
    images = torch.rand(1, 3, 64, 64, generator=random_numbers())
    lowered = filled(JointEmbedding(EMBEDDING))
    lowered.freeze_for_inference(torch.bfloat16)
    found = lowered.encode_image(images)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, small.encode_image(images), rtol=0, atol=0.05)
