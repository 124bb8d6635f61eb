"""Embeddings in memory, in a quarter of the space of float32, and which are most like another.

Each is stored as the difference from a mean, in whole numbers of 8 bits and a scale of its own.
The mean keeps what all embeddings have in common, which is much with CLIP, from taking up the 8
bits. Blocks are turned back into float32 one by one, so that they stay in the processor's cache.
The order that this gives is nearly that of the exact cosines: whoever needs the latter asks for
more than necessary, and compares these exactly.
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
BLOCK_ROWS = 2048
"""Rows of a block: with 512 numbers, 1 MiB as they are stored and 4 MiB in float32."""
_LARGEST = 127


@dataclass
class _Block:
    """Some embeddings; rows from `count` on are empty."""

    rows: NDArray[np.int8]
    scales: Floats
    ids: NDArray[np.int64]
    places: NDArray[np.int64]
    count: int = 0


class Vectors:
    """Embeddings of one length, with the number and the place of each."""

    def __init__(self) -> None:
        self._blocks: list[_Block] = []
        self._mean: Floats | None = None

    def __len__(self) -> int:
        """Return the number of embeddings."""
        return sum(each.count for each in self._blocks)

    @property
    def bytes(self) -> int:
        """The memory that they take."""
        parts = ((b.rows, b.scales, b.ids, b.places) for b in self._blocks)
        return sum(each.nbytes for part in parts for each in part)

    def add(self, vectors: Floats, ids: Collection[int], places: Collection[int]) -> None:
        """Add embeddings (N, D) with their numbers and places."""
        mean = self._mean = _mean(vectors) if self._mean is None else self._mean
        differences: Floats = vectors - mean
        scales: Floats = np.maximum(np.abs(differences).max(axis=1), 1e-12) / _LARGEST
        rows = np.rint(differences / scales[:, None]).astype(np.int8)
        numbers = np.fromiter(ids, np.int64, len(ids)), np.fromiter(places, np.int64, len(places))
        start = 0
        while start < len(rows):
            block = self._open_block(vectors.shape[1])
            free = slice(block.count, min(BLOCK_ROWS, block.count + len(rows) - start))
            taken = slice(start, start + free.stop - free.start)
            block.rows[free], block.scales[free] = rows[taken], scales[taken]
            block.ids[free], block.places[free] = numbers[0][taken], numbers[1][taken]
            block.count, start = free.stop, taken.stop

    def nearest(
        self,
        vector: Floats,
        most: int,
        places: Collection[int],
        ids: Collection[int] | None = None,
    ) -> list[int]:
        """Return the numbers of the embeddings that are most like one (D,), the nearest first.

        Only those of some places count, and, if `ids` are given, only those with these numbers.
        """
        if not self._blocks:
            return []
        scores = np.empty(len(self), np.float32)
        buffer, start = np.empty((BLOCK_ROWS, len(vector)), np.float32), 0
        for block in self._blocks:
            floats, end = buffer[: block.count], start + block.count
            np.copyto(floats, block.rows[: block.count])
            np.dot(floats, vector, out=scores[start:end])
            scores[start:end] *= block.scales[: block.count]
            start = end
        numbers = np.concatenate([each.ids[: each.count] for each in self._blocks])
        all_places = np.concatenate([each.places[: each.count] for each in self._blocks])
        is_wanted = np.isin(all_places, np.fromiter(places, np.int64, len(places)))
        if ids is not None:
            is_wanted &= np.isin(numbers, np.fromiter(ids, np.int64, len(ids)))
        scores, numbers = scores[is_wanted], numbers[is_wanted]
        if len(scores) > most:
            chosen = np.argpartition(scores, -most)[-most:]
            scores, numbers = scores[chosen], numbers[chosen]
        return numbers[np.argsort(-scores, kind="stable")].tolist()

    def _open_block(self, length: int) -> _Block:
        """Return the last block, or a new one if it is full."""
        if not self._blocks or self._blocks[-1].count == BLOCK_ROWS:
            self._blocks.append(
                _Block(
                    np.zeros((BLOCK_ROWS, length), np.int8),
                    np.zeros(BLOCK_ROWS, np.float32),
                    np.zeros(BLOCK_ROWS, np.int64),
                    np.zeros(BLOCK_ROWS, np.int64),
                )
            )
        return self._blocks[-1]


def _mean(vectors: Floats) -> Floats:
    return vectors.mean(axis=0, dtype=np.float32)


def read_vector(content: bytes) -> Floats:
    """Return the embedding (D,) in float32 that is stored as float16."""
    return np.frombuffer(content, "<f2").astype(np.float32)


def stored_vector(vector: Floats) -> bytes:
    """Return an embedding (D,) as it is stored."""
    return vector.astype("<f2").tobytes()
