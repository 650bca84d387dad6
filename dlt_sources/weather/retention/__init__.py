"""Retention: rows that are not kept for ever are archived and deleted, in short turns under the writer lock.

May import ``status``, ``destination``, ``contracts`` and ``common``, and nothing above them.
"""
