"""The joint embedding of pictures and phrases: VSE++ (Faghri et al., 2017) kept spatial.

Every cell of a picture and every phrase is a unit vector of the same space, so that their scalar
product says how well they fit, and the difference of two phrases is a direction that cells can
take. The picture's half has torchvision's ResNet-152 without its head, as a sequence in which the
published names count: 0 and 1 for the first convolution and its normalization, 4 to 7 for the four
stages.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.resnet import Bottleneck

from engine.models.frozen_layers import cast_frozen
from engine.open_edit.configs import EmbeddingConfig
from engine.open_edit.layers import conv2d, normalize


class JointEmbedding(nn.Module):
    """Both halves of the embedding, under the names of the published checkpoint."""

    def __init__(self, config: EmbeddingConfig) -> None:
        super().__init__()
        self.config = config
        self.cnn = _resnet(config)
        self.conv1x1 = nn.Conv2d(8 * config.width * Bottleneck.expansion, config.joint, 1)
        self.embed = nn.Embedding(config.words, config.word_width)
        self.rnn = nn.GRU(config.word_width, config.joint, batch_first=True)

    def encode_image(self, images: Tensor) -> Tensor:
        """Embed `images` (N, 3, 32 H, 32 W) in [0, 1] as cells (N, joint, H, W) of length 1.

        The network was trained on pictures in [-1, 1], not on ImageNet's normalization.
        """
        first, norm = self.cnn[0], self.cnn[1]
        assert isinstance(first, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
        hidden = conv2d((images * 2 - 1).to(first.weight.dtype), first)
        hidden = F.max_pool2d(F.relu(normalize(hidden, norm), inplace=True), 3, 2, 1)
        for stage in list(self.cnn)[4:]:
            for block in stage.children():
                assert isinstance(block, Bottleneck)
                hidden = _bottleneck(hidden, block)
        return F.normalize(conv2d(hidden, self.conv1x1).float(), dim=1)

    def encode_text(self, tokens: Tensor) -> Tensor:
        """Embed phrases, the numbers of their words (N, L), as unit vectors (N, joint)."""
        _, last = self.rnn(self.embed(tokens))
        return F.normalize(last[0], dim=-1)

    def freeze_for_inference(self, dtype: torch.dtype) -> None:
        """Freeze all weights, and let the picture's half compute in `dtype`."""
        self.eval().requires_grad_(False)
        cast_frozen(self.cnn, dtype)
        cast_frozen(self.conv1x1, dtype)


def _resnet(config: EmbeddingConfig) -> nn.Sequential:
    """Build a ResNet without its head; entries 2 and 3 have no weights and only keep the count."""
    width = config.width
    stages = [
        _stage(config.blocks[0], width, width, 1),
        *(
            _stage(blocks, before * Bottleneck.expansion, after, 2)
            for blocks, (before, after) in zip(
                config.blocks[1:], pairwise(width * 2**level for level in range(4)), strict=True
            )
        ),
    ]
    first = nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False)
    return nn.Sequential(first, nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(3, 2, 1), *stages)


def _stage(blocks: int, channels: int, width: int, stride: int) -> nn.Sequential:
    """Build a stage of `blocks`, of which the first has the stride and another shortcut."""
    outer = width * Bottleneck.expansion
    shortcut = nn.Sequential(
        nn.Conv2d(channels, outer, 1, stride=stride, bias=False), nn.BatchNorm2d(outer)
    )
    rest = (Bottleneck(outer, width) for _ in range(blocks - 1))
    return nn.Sequential(Bottleneck(channels, width, stride, shortcut), *rest)


def _bottleneck(images: Tensor, block: Bottleneck) -> Tensor:
    """Compute torchvision's `Bottleneck` with frozen weights."""
    hidden = images
    for conv, norm in ((block.conv1, block.bn1), (block.conv2, block.bn2)):
        assert isinstance(norm, nn.BatchNorm2d)
        hidden = F.relu(normalize(conv2d(hidden, conv), norm), inplace=True)
    assert isinstance(block.bn3, nn.BatchNorm2d)
    hidden = normalize(conv2d(hidden, block.conv3), block.bn3)
    if block.downsample is not None:
        conv, norm = block.downsample.children()
        assert isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
        images = normalize(conv2d(images, conv), norm)
    return F.relu(hidden + images, inplace=True)
