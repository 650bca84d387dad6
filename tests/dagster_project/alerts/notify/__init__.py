"""Tests of channels and delivery."""
