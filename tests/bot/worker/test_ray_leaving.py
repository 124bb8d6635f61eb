"""Processes of Ray that are told to end, without Ray."""

import signal
import subprocess
import sys
from collections.abc import Sequence

import psutil
import pytest

from bot.worker.ray_leaving import deaf_to_interrupts, end_node


def started(command: Sequence[str]) -> "subprocess.Popen[bytes]":
    """Return a program that has said that it runs."""
    program = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert program.stdout is not None
    assert program.stdout.readline() == b"runs\n"
    return program


def test_a_node_that_does_not_end_leaves_no_process():
    stubborn = 'trap "" TERM; sleep 300 & echo runs; wait; sleep 300'
    with started(["/bin/sh", "-c", stubborn]) as program:
        (child,) = psutil.Process(program.pid).children()
        end_node(program, seconds=0.2)
        assert program.returncode == -signal.SIGKILL
        child.wait(10)
        assert not child.is_running()


def test_a_head_does_not_hear_that_its_bot_is_interrupted():
    waiting = "import time; print('runs', flush=True); time.sleep(300)"
    with started(deaf_to_interrupts([sys.executable, "-c", waiting])) as program:
        program.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            program.wait(0.5)
        program.terminate()
        assert program.wait(10) == -signal.SIGTERM
