"""Edges of a picture: the first four stages of BDCN (He et al., 2019), for the decoder.

The network is a VGG-16 in which each convolution is looked at by a block of several dilations. Each
stage gives a score per pixel; what the decoder was trained with is the sum of the four scores in
the direction from fine to coarse, without a sigmoid. The published file has more: the opposite
direction, a fifth stage and their fusion, which are not needed.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.models.frozen_layers import cast_frozen, frozen_conv2d
from engine.open_edit.configs import EdgesConfig
from engine.open_edit.layers import conv_relu

MEANS = (123.0, 117.0, 104.0)
"""Means that are subtracted from blue, green and red. They are ImageNet's of red, green and blue:
a mistake in Open-Edit, but the decoder was trained with it."""
CONVS = (2, 2, 3, 3)
"""Number of convolutions of each stage."""
RATE = 4
"""Step between the dilations of a block: 4, 8 and 12 pixels."""


class ScaleBlock(nn.Module):
    """BDCN's block that looks at several scales: a convolution, and three dilated ones of it."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, width, 3, padding=1)
        self.conv1 = _dilated(width, RATE)
        self.conv2 = _dilated(width, 2 * RATE)
        self.conv3 = _dilated(width, 3 * RATE)

    def forward(self, images: Tensor) -> Tensor:
        """Map `images` (N, channels, H, W) to (N, width, H, W)."""
        first = conv_relu(images, self.conv)
        dilated = [conv_relu(first, conv) for conv in (self.conv1, self.conv2, self.conv3)]
        return first + dilated[0] + dilated[1] + dilated[2]


class Edges(nn.Module):
    """Scores of edges, under the names of BDCN's published checkpoint."""

    def __init__(self, config: EdgesConfig) -> None:
        super().__init__()
        self.features = nn.Module()
        before = 3
        for stage, (width, convs) in enumerate(zip(config.channels, CONVS, strict=True), 1):
            for number in range(1, convs + 1):
                conv = nn.Conv2d(before, width, 3, padding=1)
                self.features.add_module(f"conv{stage}_{number}", conv)
                block = ScaleBlock(width, config.block_width)
                self.add_module(f"msblock{stage}_{number}", block)
                down = nn.Conv2d(config.block_width, config.score_width, 1)
                self.add_module(f"conv{stage}_{number}_down", down)
                before = width
            self.add_module(f"score_dsn{stage}", nn.Conv2d(config.score_width, 1, 1))
            if stage > 1:
                factor = 2 ** (stage - 1)
                self.add_module(f"upsample_{factor}", _upsampling(factor))

    def forward(self, images: Tensor) -> Tensor:
        """Return scores (N, 1, H, W) of `images` (N, 3, H, W) in [0, 1]; H, W multiples of 8.

        As in BDCN, whose coarser stages learn what the finer ones leave, the finer scores are
        constants for the gradient.
        """
        means = images.new_tensor(MEANS).view(1, 3, 1, 1)
        dtype = self._conv("features.conv1_1").weight.dtype
        hidden = (images.flip(1) * 255 - means).to(dtype)
        scores: list[Tensor] = []
        for stage, convs in enumerate(CONVS, 1):
            hidden = hidden if stage == 1 else F.max_pool2d(hidden, 2)
            found: list[Tensor] = []
            for number in range(1, convs + 1):
                hidden = conv_relu(hidden, self._conv(f"features.conv{stage}_{number}"))
                found.append(hidden)
            with torch.set_grad_enabled(torch.is_grad_enabled() and stage == len(CONVS)):
                scores.append(self._score(stage, found))
        return torch.stack(scores).sum(0)

    def freeze_for_inference(self, dtype: torch.dtype) -> None:
        """Freeze all weights, and let everything but the scores compute in `dtype`."""
        self.eval().requires_grad_(False)
        for name, module in self.named_children():
            if name == "features" or name.startswith("msblock"):
                cast_frozen(module, dtype)

    def _score(self, stage: int, found: list[Tensor]) -> Tensor:
        """Return the score of a stage at the size of the picture, from its convolutions' results.

        It is in float32, as it is not bounded.
        """
        seen: list[Tensor] = []
        for number, features in enumerate(found, 1):
            looked = self.get_submodule(f"msblock{stage}_{number}")(features).float()
            seen.append(frozen_conv2d(looked, self._conv(f"conv{stage}_{number}_down")))
        score = frozen_conv2d(torch.stack(seen).sum(0), self._conv(f"score_dsn{stage}"))
        if stage == 1:
            return score
        factor = 2 ** (stage - 1)
        upsampling = self.get_submodule(f"upsample_{factor}")
        assert isinstance(upsampling, nn.ConvTranspose2d)
        # The transposed convolution gives half a factor too much on each side.
        return F.conv_transpose2d(score, upsampling.weight, stride=factor, padding=factor // 2)

    def _conv(self, name: str) -> nn.Conv2d:
        conv = self.get_submodule(name)
        assert isinstance(conv, nn.Conv2d)
        return conv


def _dilated(width: int, dilation: int) -> nn.Conv2d:
    return nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation)


def _upsampling(factor: int) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(1, 1, 2 * factor, stride=factor, bias=False)
