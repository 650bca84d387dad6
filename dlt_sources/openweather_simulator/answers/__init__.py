"""Bodies of the answers, one module per product: each function takes parameters and a moment.

Imports ``world``.
"""
