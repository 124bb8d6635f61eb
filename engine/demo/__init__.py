"""The demo pair: a tiny CLIP and a tiny VQGAN, and the drawn world they were trained on.

`world` draws and describes pictures, `judge` reads them back without a neural network,
the rest trains the pair (`python -m engine.demo train`). The trained weights lie in
`weights/`. They know coloured shapes on coloured backgrounds and nothing else.
"""
