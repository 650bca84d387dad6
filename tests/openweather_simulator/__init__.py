"""The stand-in for the API."""
