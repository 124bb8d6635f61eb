"""Train the demo models of Open-Edit on drawn pictures and their edits.

The published models learned words from captions and decoding from photographs, and edits are a side
effect. The demo models are so small that edits are what they learn: a drawn scene, a phrase for
what is there and one for what it becomes, and the scene drawn with the change. Only colors change,
because the edges of a picture stay as they are. Edges and perceptual features need no training:
differences of neighboring pixels, and random filters.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import trange

from engine.demo.train_vqgan import reconstruction_loss
from engine.demo.world import (
    COLORS,
    SHAPES,
    SIDE,
    Scenes,
    object_masks,
    render,
    sample_scenes,
    unused_color,
)
from engine.models.loading import save_weights
from engine.models.shape_phrases import ARTICLES, BACKGROUND, SHAPE
from engine.open_edit.configs import (
    Config,
    DecoderConfig,
    EdgesConfig,
    EmbeddingConfig,
    PerceptualConfig,
)
from engine.open_edit.decoder import Decoder
from engine.open_edit.edges import MEANS, Edges
from engine.open_edit.embedding import JointEmbedding
from engine.open_edit.perceptual import PerceptualFeatures
from engine.open_edit.picture_edit import Change
from engine.open_edit.vocabulary import END, START, UNKNOWN, PhraseVocabulary

WORDS = ("<pad>", START, END, UNKNOWN, *COLORS, *SHAPES, BACKGROUND, SHAPE, *ARTICLES)
EMBEDDING = EmbeddingConfig(words=len(WORDS), width=8, blocks=(1, 1, 1, 1), joint=96, word_width=32)
DECODER = DecoderConfig(width=6, hidden=8, cells=6)
EDGES = EdgesConfig(channels=(12, 1, 1, 1), block_width=1, score_width=1)
PERCEPTUAL = PerceptualConfig(channels=(8, 12, 16, 24, 24))

STEPS = 1000
CROPS = 8
"""Number of crops in a batch."""
CROP = 32
"""Side in drawn pixels of the crops that most of the run is trained on, before whole pictures."""
CROP_UNTIL = 0.9
"""Share of the run on crops; then a batch has as many pixels, in fewer pictures."""
LEARNING_RATE = 3e-3
WARMUP = 20
"""Number of steps in which the learning rate rises."""
DECAY = 0.3
"""Share of the run in which it falls to 0 in the end."""
ALPHA = (3.0, 7.0)
"""Range of the strength of edits; the recipe's default lies in its middle."""
UNEDITED_SHARE = 0.25
"""Share of pictures that are decoded as they are."""
BACKGROUND_SHARE = 0.4
"""Share of edits of the background; the others change the main object."""
ABSENT_SHARE = 0.15
"""Share of edits of a color that is nowhere in the picture, which must change nothing."""
VAGUE_SHARE = 0.3
"""Share of objects that are called a shape, without saying which."""
RESEMBLANCE = 0.6
"""Scalar product of a phrase and a cell that shows nothing but what the phrase names."""
EDGE_SCALE = 6.0
"""Score of an edge between black and white."""


@dataclass(frozen=True)
class Edits:
    """Edits of B scenes, and the words of their phrases, which have the same length L."""

    edited: Scenes
    """The scenes after the edit."""
    old: Tensor
    """Numbers (B, L) of the words for what is there."""
    new: Tensor
    """Numbers (B, L) of the words for what it becomes."""
    masks: Tensor
    """Coverage (B, 2, 64, 64) of the scenes' objects, in [0, 1]."""
    place: Tensor
    """Coverage (B, 1, 64, 64) of what one of the phrases names, in [0, 1]."""
    is_absent: Tensor
    """Whether (B,) that is the new phrase, and the old one names a color that is nowhere."""


def train_open_edit(seed: int, steps: int = STEPS) -> tuple[JointEmbedding, Decoder]:
    """Train from random weights; the result depends on `seed`, `steps` and the machine."""
    random = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)  # torch's initializers know only the global generator
        embedding, decoder = JointEmbedding(EMBEDDING), Decoder(DECODER)
    models = nn.ModuleList([embedding, decoder]).train()
    for model in models:
        model.to(memory_format=torch.channels_last)  # pyright: ignore
    optimizer = torch.optim.AdamW(models.parameters(), lr=LEARNING_RATE, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate(step / steps, step))
    progress = trange(steps, desc="Open-Edit", mininterval=10)
    for step in progress:
        loss = edit_loss(embedding, decoder, random, is_cropped=step < CROP_UNTIL * steps)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(models.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 50 == 0:
            progress.set_postfix(loss=f"{loss.item():.4f}")
    return embedding.eval(), decoder.eval()


def rate(progress: float, step: int) -> float:
    """Return the share of the learning rate at a step, which is this share of the run."""
    return min(1.0, (step + 1) / WARMUP, (1 - progress) / DECAY)


def save_open_edit(embedding: JointEmbedding, decoder: Decoder, folder: Path, seed: int) -> None:
    """Write the files of the demo models into a folder."""
    parts: dict[str, tuple[nn.Module, Config]] = {
        "embedding": (embedding, EMBEDDING),
        "edges": (demo_edges(), EDGES),
        "decoder": (decoder, DECODER),
        "perceptual": (demo_features(seed), PERCEPTUAL),
    }
    for name, (module, config) in parts.items():
        save_weights(module, vars(config), folder / f"open-edit-{name}.safetensors")
    words = json.dumps(WORDS, indent=0)
    (folder / "open-edit-vocabulary.json").write_text(words + "\n", encoding="utf-8")


def edit_loss(
    embedding: JointEmbedding,
    decoder: Decoder,
    random: torch.Generator,
    *,
    is_cropped: bool,
) -> Tensor:
    """Return how wrong both models are about new pictures and about their edits.

    The decoder is to show pictures as they are and after their edits. In the embedding a cell is to
    resemble a phrase as far as it shows what the phrase names, and no other phrase.
    """
    scenes = sample_scenes(CROPS if is_cropped else CROPS * CROP**2 // SIDE**2, random)
    edits = draw_edits(scenes, random)
    is_unedited = torch.rand(len(scenes), 1, 1, 1, generator=random) < UNEDITED_SHARE
    drawn = (render(scenes, edits.masks), render(edits.edited, edits.masks), edits.place)
    if is_cropped:
        x, y = torch.randint(0, SIDE - CROP + 1, (2,), generator=random).tolist()
        drawn = tuple(each[..., y : y + CROP, x : x + CROP] for each in drawn)
    pictures, targets, place = map(enlarged, drawn)
    cells = embedding.encode_image(pictures)
    low, high = ALPHA
    alpha = low + (high - low) * float(torch.rand((), generator=random))
    old, new = embedding.encode_text(edits.old), embedding.encode_text(edits.new)
    moved = Change(old, new, alpha, is_global=False).apply(cells)
    no_maps = {name: cells.new_zeros(()) for name in decoder.map_shapes()}
    decoded = decoder(cells.where(is_unedited, moved), outlines(pictures), no_maps)
    wrong = reconstruction_loss(decoded, pictures.where(is_unedited, targets))
    named = RESEMBLANCE * F.avg_pool2d(place, DECODER.side // DECODER.cells)
    is_absent = edits.is_absent[:, None, None, None]
    for phrases, is_other in ((old, is_absent), (new, ~is_absent)):
        found = (cells * phrases[:, :, None, None]).sum(1, keepdim=True)
        wrong = wrong + F.mse_loss(found, named.masked_fill(is_other, 0))
    return wrong


def draw_edits(scenes: Scenes, random: torch.Generator) -> Edits:
    """Draw an edit of each of B scenes."""
    count = len(scenes)
    is_background = torch.rand(count, generator=random) < BACKGROUND_SHARE
    is_background |= ~scenes.present()[:, 0]
    is_absent = torch.rand(count, generator=random) < ABSENT_SHARE
    there = torch.where(is_background, scenes.background, scenes.color[:, 0])
    other = unused_color(scenes, random)
    becomes = there.where(is_absent, other)
    recolored = scenes.color.clone()
    recolored[:, 0] = torch.where(is_background, recolored[:, 0], becomes)
    masks = object_masks(scenes)
    place = torch.where(is_background[:, None, None], 1 - masks.sum(1), masks[:, 0])
    is_vague = torch.rand(count, generator=random) < VAGUE_SHARE
    kinds = [
        BACKGROUND if background else SHAPE if vague else SHAPES[shape]
        for background, vague, shape in zip(
            is_background.tolist(), is_vague.tolist(), scenes.shape[:, 0].tolist(), strict=True
        )
    ]
    first = ("", "a ", "the ")[int(torch.randint(3, (), generator=random))]
    return Edits(
        edited=scenes.replace(
            color=recolored, background=becomes.where(is_background, scenes.background)
        ),
        old=_tokens(first, other.where(is_absent, there), kinds),
        new=_tokens(first, becomes, kinds),
        masks=masks,
        place=place[:, None],
        is_absent=is_absent,
    )


def enlarged(pictures: Tensor) -> Tensor:
    """Enlarge drawn pictures (N, 3, H, W) to the models' scale, in [0, 1]."""
    factor = DECODER.side // SIDE
    return F.interpolate(pictures, scale_factor=factor, mode="bilinear", align_corners=False)


def outlines(images: Tensor) -> Tensor:
    """Return what `demo_edges` returns for `images` (N, 3, H, W) in [0, 1], only sooner."""
    means = torch.tensor(MEANS[::-1]).view(1, 3, 1, 1)
    padded = F.pad(images * 255 - means, (0, 1, 0, 1))
    across = padded[..., :-1, :].diff(dim=3).abs() + padded[..., :-1].diff(dim=2).abs()
    return across.sum(1, keepdim=True) * (EDGE_SCALE / 3 / 255)


@torch.no_grad()
def demo_edges() -> Edges:
    """Return the edges of the demo: the absolute differences of neighbors, in all three colors."""
    edges = Edges(EDGES)
    for values in edges.parameters():
        values.zero_()
    weights = edges.state_dict()
    first = weights["features.conv1_1.weight"]
    for number in range(12):
        color, axis, sign = number // 4, number % 4 // 2, 1 - 2 * (number % 2)
        first[number, color, 1, 1] = -sign
        first[number, color, 2 - axis, 1 + axis] = sign
    weights["msblock1_1.conv.weight"][:, :, 1, 1] = 1 / 255
    weights["conv1_1_down.weight"].fill_(1)
    weights["score_dsn1.weight"].fill_(EDGE_SCALE / 3)
    edges.freeze_for_inference(torch.float32)
    return edges


def demo_features(seed: int) -> PerceptualFeatures:
    """Return perceptual features that nothing has taught: even random filters see textures."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return PerceptualFeatures(PERCEPTUAL)


def _tokens(first: str, colors: Tensor, kinds: list[str]) -> Tensor:
    """Return the words (B, L) of phrases such as "a red circle"."""
    vocabulary = PhraseVocabulary({word: number for number, word in enumerate(WORDS)})
    names = (COLORS[color] for color in colors.tolist())
    return torch.tensor(
        [
            vocabulary.tokens(f"{first}{color} {kind}")
            for color, kind in zip(names, kinds, strict=True)
        ]
    )
