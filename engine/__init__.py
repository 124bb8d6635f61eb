"""VQGAN-CLIP: pictures from words (Crowson, Biderman et al., 2022).

A library and a command line (`python -m engine`). It knows torch and files, and nothing of
Discord. Its public names stand in `__init__.pyi`. They are looked up when they are first used, so
that importing the package costs nothing and loads no torch.
"""

import lazy_loader

__version__ = "1.0.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
