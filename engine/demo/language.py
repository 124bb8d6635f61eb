"""Train the demo CLIP's text tower to embed captions by meaning, independent of their wording."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.demo.claims import describe
from engine.demo.meaning import meanings
from engine.demo.wordings import phrase
from engine.demo.world import sample_scenes
from engine.models.clip import ClipPerceptor

CAPTIONS = 96
"""Number of captions per step and process."""
ODD_WORDS_SHARE = 0.3
"""Share of captions with random words added, so that the tower learns to ignore unknown words."""
MOST_ODD_WORDS = 4
"""Maximum number of random words in a caption."""


def language_loss(perceptor: ClipPerceptor, random: torch.Generator) -> Tensor:
    """Return the mean distance (1 - cosine) between new captions' embeddings and meanings."""
    claims = describe(sample_scenes(CAPTIONS, random), random)
    tokens = perceptor.tokenizer(phrase(claims, random))
    embedded = embed(perceptor, insert_odd_words(tokens, random))
    return (1 - (embedded * meanings(claims)).sum(1)).mean()


def embed(perceptor: ClipPerceptor, tokens: Tensor) -> Tensor:
    """Embed `tokens` (N, L) as unit vectors (N, D), without computing unused positions."""
    ends = tokens.argmax(1)  # the end of text has the highest number
    length = int(ends.max()) + 1
    model: Any = perceptor.model
    with torch.autocast("cpu", torch.bfloat16):
        x = model.token_embedding(tokens[:, :length]) + model.positional_embedding[:length]
        x = model.transformer(x, attn_mask=model.attn_mask[:length, :length])
        x = model.ln_final(x)[torch.arange(len(x)), ends] @ model.text_projection
    return F.normalize(x.float(), dim=-1)


def insert_odd_words(tokens: Tensor, random: torch.Generator) -> Tensor:
    """Insert random tokens at random positions into some captions `tokens` (N, L), in place."""
    odd = torch.rand(len(tokens), generator=random) < ODD_WORDS_SHARE
    for row in odd.nonzero()[:, 0].tolist():
        start, *words, end = tokens[row, : int(tokens[row].argmax()) + 1].tolist()
        count = int(torch.randint(1, MOST_ODD_WORDS + 1, (), generator=random))
        place = int(torch.randint(len(words) + 1, (), generator=random))
        words[place:place] = torch.randint(256, start, (count,), generator=random).tolist()
        tokens[row, : len(words) + 2] = torch.tensor([start, *words, end])
    return tokens
