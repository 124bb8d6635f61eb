"""The demo CLIP's text tower learns what captions mean, whatever their wording."""

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
"""Captions a step, and in each process."""
ODD_WORDS_SHARE = 0.3
"""How many captions get words that mean nothing, so that unknown words do not matter."""
MOST_ODD_WORDS = 4


def language_loss(perceptor: ClipPerceptor, random: torch.Generator) -> Tensor:
    """Mean distance, 1 - cosine, of new captions' embeddings from what the captions mean."""
    claims = describe(sample_scenes(CAPTIONS, random), random)
    tokens = perceptor.tokenizer(phrase(claims, random))
    embedded = embed(perceptor, insert_odd_words(tokens, random))
    return (1 - (embedded * meanings(claims)).sum(1)).mean()


def embed(perceptor: ClipPerceptor, tokens: Tensor) -> Tensor:
    """Unit vectors (N, D) of `tokens` (N, L), without the time that empty places would take."""
    ends = tokens.argmax(1)  # the end of text has the highest number
    length = int(ends.max()) + 1
    model: Any = perceptor.model
    with torch.autocast("cpu", torch.bfloat16):
        x = model.token_embedding(tokens[:, :length]) + model.positional_embedding[:length]
        x = model.transformer(x, attn_mask=model.attn_mask[:length, :length])
        x = model.ln_final(x)[torch.arange(len(x)), ends] @ model.text_projection
    return F.normalize(x.float(), dim=-1)


def insert_odd_words(tokens: Tensor, random: torch.Generator) -> Tensor:
    """Put a few random tokens somewhere into some of the captions `tokens` (N, L), in place."""
    odd = torch.rand(len(tokens), generator=random) < ODD_WORDS_SHARE
    for row in odd.nonzero()[:, 0].tolist():
        start, *words, end = tokens[row, : int(tokens[row].argmax()) + 1].tolist()
        count = int(torch.randint(1, MOST_ODD_WORDS + 1, (), generator=random))
        place = int(torch.randint(len(words) + 1, (), generator=random))
        words[place:place] = torch.randint(256, start, (count,), generator=random).tolist()
        tokens[row, : len(words) + 2] = torch.tensor([start, *words, end])
    return tokens
