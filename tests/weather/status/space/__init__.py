"""Tests of the space on disk."""
