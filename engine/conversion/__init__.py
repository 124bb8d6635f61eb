"""From published checkpoints to this program's weights: safetensors with their architecture.

Published weights are pickles, which are programs, in several dialects. Here they are read as data,
checked key by key against the architecture that they claim to be of, and written once as plain
numbers. `engine.models.loading` reads nothing else. No file that is read can run code.

`converting` is the way in: `convert_vqgan` and `convert_clip`.
"""
