"""Embeddings in 8 bits propose those that are nearest exactly."""

import numpy as np
import pytest

from bot.gallery.vectors import BLOCK_ROWS, Floats, Vectors, read_vector, stored_vector

LENGTH, COUNT = 64, BLOCK_ROWS + 500


@pytest.fixture(scope="module")
def vectors() -> Floats:
    """Return unit vectors that have much in common, as those of CLIP do."""
    random = np.random.default_rng(1)
    common = np.zeros(LENGTH, np.float32)
    common[5] = 40
    found = random.standard_normal((COUNT, LENGTH), dtype=np.float32) + common
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def added(vectors: Floats, step: int = 300) -> Vectors:
    """Add vectors in parts, with numbers from 0 and places 0 and 1 in turn."""
    found = Vectors()
    for start in range(0, len(vectors), step):
        ids = range(start, min(start + step, len(vectors)))
        found.add(vectors[start : start + step], ids, [each % 2 for each in ids])
    return found


def test_the_nearest_ones_are_among_four_times_as_many(vectors: Floats):
    found = added(vectors)
    assert len(found) == COUNT
    assert found.bytes < 2 * COUNT * (LENGTH + 20)
    for query in vectors[:20]:
        exact = np.argsort(-(vectors @ query))[:25]
        assert set(exact.tolist()) <= set(found.nearest(query, 100, (0, 1)))
    assert found.nearest(vectors[7], 3, (0, 1))[0] == 7


def test_only_wanted_places_and_numbers_count(vectors: Floats):
    found = added(vectors)
    assert all(each % 2 for each in found.nearest(vectors[0], 50, (1,)))
    assert sorted(found.nearest(vectors[0], 50, (1, 0), (3, 5, 2400))) == [3, 5, 2400]
    assert found.nearest(vectors[0], 50, ()) == []
    assert Vectors().nearest(vectors[0], 5, (0, 1)) == []


def test_a_vector_is_stored_in_two_bytes_for_each_number(vectors: Floats):
    content = stored_vector(vectors[0])
    assert len(content) == 2 * LENGTH
    assert read_vector(content) == pytest.approx(vectors[0], abs=1e-3)
