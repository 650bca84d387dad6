"""The source, from settings to tables."""
