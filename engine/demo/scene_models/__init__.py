"""Train the pair of models that paints scenes.

`pictures` draws the pictures, `meaning` defines the common space of the CLIP's towers, `vqgan`,
`language` and `lessons` have the losses, and `training` runs all stages.
"""
