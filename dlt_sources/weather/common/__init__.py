"""Settings, errors, clock, logs and other modules that every folder uses.

May import nothing else of this package.
"""
