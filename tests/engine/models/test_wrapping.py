"""A tile has no edges: what is moved in its state is moved in its picture, across the edges too."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.images.tiling import TILES, Tile, wraps_of
from engine.models.catalogue import CATALOGUE
from engine.models.frozen_layers import frozen_conv2d, unit_stride_gradient
from engine.models.latent_generator import LatentGenerator
from engine.models.loading import Models, load_generator
from engine.models.pixels import Pyramid
from engine.models.protocols import Generator
from engine.models.strokes import POINT_STEP, Strokes
from engine.models.taesd import Taesd, TaesdConfig
from engine.models.vqgan import VQGAN
from engine.models.wrapping import bicubic, wrapped_conv2d
from tests.engine.models.test_frozen_layers import assert_same, frozen, seeded
from tests.engine.models.test_vqgan import PUBLISHED_LIKE
from tests.engine.rounding import assert_equal_up_to_rounding

WRAPPED: Sequence[Tile] = [each for each in TILES if each != "none"]


def circular(images: Tensor, conv: nn.Conv2d, tile: Tile) -> Tensor:
    """Convolve with torch's own padding of each axis."""
    rows, columns = (int(each) for each in conv.padding)
    wraps = wraps_of(tile)
    for padding, wrapped in (
        ((0, 0, rows, rows), wraps.rows),
        ((columns, columns, 0, 0), wraps.columns),
    ):
        images = F.pad(images, padding, mode="circular" if wrapped else "constant")
    return F.conv2d(images, conv.weight, conv.bias, conv.stride, 0, conv.dilation, conv.groups)


@pytest.mark.parametrize("tile", WRAPPED)
@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("apply", [frozen_conv2d, wrapped_conv2d])
@pytest.mark.parametrize(
    "conv",
    [
        nn.Conv2d(8, 12, 3, padding=1),
        nn.Conv2d(8, 4, 1),
        nn.Conv2d(8, 8, 3, stride=2, padding=1, bias=False),
        nn.Conv2d(8, 8, (5, 3), padding=(2, 1), groups=4),
    ],
    ids=["3x3", "1x1", "strided", "5x3 groups"],
)
def test_convolutions_wrap_around(
    conv: nn.Conv2d, apply: Any, order: torch.memory_format, tile: Tile
):
    conv = frozen(conv)
    images = seeded(2, 8, 6, 10).contiguous(memory_format=order)
    assert_same(lambda x: apply(x, conv, tile), lambda x: circular(x, conv, tile), images)


def test_the_gradient_of_a_gpu_takes_the_padding_that_is_left():
    conv = frozen(nn.Conv2d(8, 12, 3, padding=1))
    images = seeded(2, 8, 9, 7).requires_grad_()
    result = F.conv2d(images, conv.weight, conv.bias, padding=(0, 1))
    grad = seeded(*result.shape, seed=2)
    result.backward(grad)
    assert images.grad is not None
    assert_equal_up_to_rounding(unit_stride_gradient(grad, conv, (0, 1)), images.grad)


@pytest.mark.parametrize("tile", WRAPPED)
@pytest.mark.parametrize(
    ("before", "after"), [((3, 2), (64, 64)), ((5, 9), (72, 18)), ((1, 4), (7, 8))]
)
def test_interpolation_wraps_around(before: tuple[int, int], after: tuple[int, int], tile: Tile):
    images, wraps = seeded(1, 3, *before), wraps_of(tile)
    copies = [3 if wrapped else 1 for wrapped in wraps]
    larger = [each * size for each, size in zip(copies, after, strict=True)]
    endless = F.interpolate(images.repeat(1, 1, *copies), larger, mode="bicubic")
    top, left = ((each - size) // 2 for each, size in zip(larger, after, strict=True))
    middle = endless[..., top : top + after[0], left : left + after[1]]
    assert_equal_up_to_rounding(bicubic(images, after, tile), middle)


def small_vqgan(models: Models) -> Generator:  # noqa: ARG001 (all of these have the same form)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = VQGAN(PUBLISHED_LIKE)
    network.freeze_for_inference(torch.float32)
    return LatentGenerator(network)


def small_taesd(models: Models) -> Generator:  # noqa: ARG001
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = Taesd(TaesdConfig(4))
    network.freeze_for_inference(torch.float32)
    return LatentGenerator(network)


def demo(models: Models) -> Generator:
    return models.generator


def palette(models: Models) -> Generator:  # noqa: ARG001
    return load_generator(CATALOGUE["demo-palette"].generator)


NETWORKS = (demo, small_vqgan, small_taesd)


def shift_of(tile: Tile, generator: Generator) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return a shift along the wrapped axes, of a state's cells and of a picture's pixels."""
    rows, columns = (2 * wrapped for wrapped in wraps_of(tile))
    return (rows, columns), (generator.multiple * rows, generator.multiple * columns)


def moved(images: Tensor, shift: tuple[int, int]) -> Tensor:
    return images.roll(shift, (2, 3))


@pytest.mark.parametrize("tile", WRAPPED)
@pytest.mark.parametrize("kind", NETWORKS)
def test_a_tile_can_be_moved_across_its_edges(
    kind: Callable[[Models], Generator], tile: Tile, models: Models
):
    generator = kind(models)
    cells, pixels = shift_of(tile, generator)
    with torch.no_grad():
        random = torch.Generator().manual_seed(1)
        (state,) = generator.start((48, 64), generator.ways[0], random)
        picture = generator.decode((state,), tile=tile)
        again = generator.decode((moved(state, cells),), tile=tile)
        assert_equal_up_to_rounding(again, moved(picture, pixels))
        with_edges = generator.decode((moved(state, cells),))
        assert (with_edges - moved(picture, pixels)).abs().max() > 1e-3
        encoded = generator.encode(picture, tile=tile)
        encoded_again = generator.encode(again, tile=tile)
    assert encoded is not None
    assert encoded_again is not None
    assert_equal_up_to_rounding(encoded_again[0], moved(encoded[0], cells), 5000)


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_tile_that_is_computed_twice_has_the_same_gradient(
    kind: Callable[[Models], Generator], models: Models
):
    generator = kind(models)
    start = generator.start((32, 32), generator.ways[0], torch.Generator().manual_seed(1))
    gradients: list[Tensor] = []
    for recompute in (False, True):
        state = start[0].clone().requires_grad_()
        picture = generator.decode((state,), recompute=recompute, tile="both")
        picture[..., 0].sum().backward()  # the column at the seam
        assert state.grad is not None
        gradients.append(state.grad)
    assert_equal_up_to_rounding(gradients[1], gradients[0])
    assert (gradients[0][..., -1].abs() > 0).any()  # it reaches across the seam


def test_pixels_of_all_sizes_wrap_around():
    pyramid = load_generator(CATALOGUE["demo-pyramid"].generator)
    assert isinstance(pyramid, Pyramid)
    state = pyramid.start((32, 32), "none", torch.Generator().manual_seed(1))
    shifts = [32 // each.shape[2] for each in state]  # pixels of a cell of each size
    again = tuple(
        moved(each, (0, 16 // cell)) if cell <= 16 else each
        for each, cell in zip(state, shifts, strict=True)
    )
    expected = moved(pyramid.decode(state, tile="x"), (0, 16))
    assert_equal_up_to_rounding(pyramid.decode(again, tile="x"), expected)
    encoded = pyramid.encode(expected, tile="both")
    assert encoded is not None
    torch.testing.assert_close(
        pyramid.decode(encoded, tile="both"), expected.clamp(0.01, 0.99), rtol=0, atol=1e-4
    )


def test_squares_of_pixel_art_have_no_edges_in_any_case(models: Models):
    generator = palette(models)
    state = generator.start((16, 16), "none", torch.Generator().manual_seed(1))
    settled = generator.settled(state, "none", None)
    assert torch.equal(generator.decode(settled, tile="both"), generator.decode(settled))


def test_waves_have_no_edges_in_any_case():
    generator = load_generator(CATALOGUE["demo-fourier"].generator)
    (state,) = generator.start((24, 16), "none", torch.Generator().manual_seed(1))
    picture = generator.decode((state,), tile="both")
    again = generator.decode((moved(state, (5, 7)),), tile="both")
    assert_equal_up_to_rounding(again, moved(picture, (5, 7)))


@pytest.mark.parametrize("tile", WRAPPED)
def test_strokes_go_on_across_the_edges_of_a_tile(tile: Tile):
    generator = load_generator(CATALOGUE["demo-strokes"].generator)
    assert isinstance(generator, Strokes)
    width, height = 40, 32
    state = generator.start((width, height), "none", torch.Generator().manual_seed(1))
    rows, columns = (12 * wrapped for wrapped in wraps_of(tile))
    points = state[0] + torch.tensor((columns / width, rows / height)) / POINT_STEP
    picture = generator.decode(state, tile=tile)
    again = generator.decode((points, *state[1:]), tile=tile)
    torch.testing.assert_close(again, moved(picture, (rows, columns)), rtol=0, atol=1e-3)
    assert (generator.decode(state) - picture).abs().max() > 0.1
    copies = 3 ** sum(wraps_of(tile))
    assert len(generator.drawing(state, tile).strokes) == copies * state[1].shape[1]
