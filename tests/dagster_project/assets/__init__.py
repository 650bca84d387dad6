"""Tests of the bronze assets: materialisations, partitions, backfills."""
