"""Tests of the destination: the writer lock, readers, unknown destinations."""
