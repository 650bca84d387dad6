"""Tests of the instance's settings, its logs and its run launcher."""
