"""Tests of whole runs: packages, interruptions, shards."""
