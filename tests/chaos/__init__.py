"""What the loader does when everything around it goes wrong, many times over and at random.

`uv run python -m tests.chaos --help` tells how to run it; pytest does not collect it.
"""
