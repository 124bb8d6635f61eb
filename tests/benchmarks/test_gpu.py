from unittest.mock import patch

import pytest

from benchmarks import gpu


def test_without_a_gpu_nothing_is_measured(capsys: pytest.CaptureFixture[str]):
    with (
        patch("torch.cuda.is_available", return_value=False),
        pytest.raises(SystemExit, match="no GPU here"),
    ):
        gpu.main([])
    assert capsys.readouterr().out == ""
