"""Files from people, parsed and decoded in a process of their own.

Decoders and parsers hold the interpreter, and a hostile file can make them take gigabytes or crash.
Here that costs one small process, which knows neither Discord nor the models.
"""
