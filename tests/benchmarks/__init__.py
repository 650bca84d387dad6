"""How fast, how small and how well-behaved the loader is, against a floor that does the least that could be done.

`uv run python -m tests.benchmarks --help` tells how to run them; pytest does not collect them.
"""
