"""What an edit hardly moves goes back to the source, and the rest goes on moving."""

import torch

from engine.vqgan_clip.proximity import draw_back


def test_near_cells_become_those_of_the_source_and_far_ones_come_nearer():
    source = torch.zeros(1, 2, 1, 3)
    moved = torch.tensor([[0.03, -0.04], [3.0, 4.0], [0.0, 0.0]]).T.view(1, 2, 1, 3)
    near, far, still = draw_back(moved, source, reach=2**-0.5)[0, :, 0].T
    assert near.tolist() == [0, 0] and still.tolist() == [0, 0]
    torch.testing.assert_close(far, torch.tensor([3.0, 4.0]) * 0.8)  # by 1 of the length 5


def test_each_picture_has_a_reach_of_its_own():
    moved = torch.ones(2, 3, 1, 1)
    drawn = draw_back(moved, torch.zeros_like(moved), torch.tensor([0.25, 2.0]).view(2, 1, 1, 1))
    assert drawn.flatten(1).tolist() == [[0.75] * 3, [0.0] * 3]
