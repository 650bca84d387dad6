"""The service as an object: endpoints, keys, limits, cache, faults, statistics.

Imports ``answers``.
"""
