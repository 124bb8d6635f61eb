"""Scenes of the second drawn world: landscapes with things in them, 128 pixels wide.

`table` says what goes together, `description` draws scenes from it, `drawing` paints them, `claims`
says something true about them, and `sentences` words it. No models are trained on it yet.
"""
