"""Settings, errors, clock, logs and other pieces that every folder uses.

Imports nothing of this package.
"""
