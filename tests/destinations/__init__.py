"""Plays of every destination that can be had on one machine, and the page that they make: docs/destinations.md.

``python -m tests.destinations`` plays and prints; with ``--page`` it writes the tables of the page.
"""
