"""Tests of the checks of the load report."""
