"""Train the text tower of the scene CLIP to embed sentences by meaning, in any wording."""

from random import Random

import torch
from torch import Tensor

from engine.demo.language import embed, insert_odd_words
from engine.demo.scene_models.attributes import apart, said_of
from engine.demo.scene_models.meaning import Meanings
from engine.demo.scene_models.pictures import DrawnScenes
from engine.demo.scenes.sentences import sentence
from engine.models.clip import ClipPerceptor

SENTENCES = 128
"""Number of sentences per step and process."""
PARTED = 0.15
"""Share of claims of which one sentence says only the content or only the style."""


def language_loss(
    perceptor: ClipPerceptor, scenes: DrawnScenes, meanings: Meanings, random: torch.Generator
) -> Tensor:
    """Return the mean distance (1 - cosine) between new sentences' embeddings and meanings."""
    words = Random(int(torch.randint(2**31, (), generator=random)))
    claims = said_of(scenes.shuffled(SENTENCES, random), random)
    content, style = apart(claims)
    split = int(PARTED * SENTENCES / 2)
    claims = content[:split].followed_by(style[split : 2 * split]).followed_by(claims[2 * split :])
    target = meanings(claims)
    says = target.norm(dim=1) > 0
    claims, target = claims[says], target[says]
    texts = [sentence(claims.claim(row), words) for row in range(len(claims))]
    tokens = insert_odd_words(perceptor.tokenizer(texts), random)
    return (1 - (embed(perceptor, tokens) * target).sum(1)).mean()
