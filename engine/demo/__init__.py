"""The demo pair: a tiny CLIP and a tiny VQGAN, and the drawn world they were trained on.

`world` draws pictures, `claims` and `wordings` describe them, `judge` reads them back without a
neural network, and the other modules train the pair (`python -m engine.demo train`). The trained
weights are in `weights/`. They know only colored shapes on colored backgrounds.
"""
