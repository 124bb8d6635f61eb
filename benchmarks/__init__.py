"""Measurements of the engine, printed as tables and JSON (`python -m benchmarks --help`)."""
