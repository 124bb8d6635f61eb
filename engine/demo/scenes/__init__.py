"""Scenes of the second drawn world: landscapes with things in them, 128 pixels wide.

`table` says what goes together, `description` draws scenes from it, `drawing` paints them, `claims`
says something true about them, `sentences` words it, and `judge` reads pictures back without a
neural network.
"""
