"""VQGAN-CLIP: pictures from words (Crowson, Biderman et al., 2022).

A library and a command line (`python -m engine`) that does not depend on Discord. `__init__.pyi`
lists the public names. Each is imported on first use, so importing the package is fast and does
not load torch.
"""

import lazy_loader

__version__ = "1.10.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
