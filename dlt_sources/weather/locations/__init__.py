"""The user's locations: parsed from text and files, looked up once, kept as Arrow.

Imports ``api``, ``destination``, ``contracts`` and ``common``.
"""
