"""Tests of settings, redaction and memory."""
