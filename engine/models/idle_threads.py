"""How threads of torch wait for work, which is decided before torch is loaded."""

import os


def let_idle_threads_sleep() -> None:
    """Let waiting OpenMP threads sleep instead of spin, unless the environment says otherwise.

    It has no effect once torch is loaded. A spinning thread takes a core from the threads that it
    waits for when another program uses the cores: painting then took ten times as long.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
