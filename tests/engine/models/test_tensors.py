import numpy as np
import pytest
import torch
from PIL import Image

from engine.models.tensors import to_picture, to_tensor


def test_every_level_survives_the_way_through_a_tensor():
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    picture = Image.fromarray(np.stack([levels, levels.T, 255 - levels], axis=2))
    image = to_tensor(picture)
    assert (image.shape, image.dtype) == ((1, 3, 16, 16), torch.float32)
    assert image.min() == 0
    assert image.max() == 1
    assert to_picture(image).tobytes() == picture.tobytes()
    assert to_picture(image[0]).tobytes() == picture.tobytes()


def test_rows_run_down_and_columns_to_the_right():
    picture = Image.new("RGB", (3, 2))
    picture.putpixel((2, 1), (255, 0, 51))
    image = to_tensor(picture)
    assert image[0, :, 1, 2].tolist() == pytest.approx([1, 0, 0.2])
    assert image.sum() == pytest.approx(1.2)


def test_tensors_are_cut_to_the_range_and_rounded_to_the_nearest_level():
    values = torch.tensor([-3.0, 0.6 / 255, 1.4 / 255, 254.6 / 255, 7.0])
    picture = to_picture(values.expand(3, 1, 5).clone().requires_grad_())
    assert list(np.asarray(picture)[0, :, 0]) == [0, 1, 1, 255, 255]


@pytest.mark.parametrize("shape", [(2, 3, 4, 4), (1, 4, 4), (4, 4), (1, 1, 4, 4)])
def test_other_shapes_are_no_pictures(shape: tuple[int, ...]):
    with pytest.raises(ValueError, match="expected"):
        to_picture(torch.zeros(shape))
