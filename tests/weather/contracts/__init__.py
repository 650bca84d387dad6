"""Tests of the bronze tables' contracts."""
