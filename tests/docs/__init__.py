"""Tests of the documents: README, docs and the files of contributors."""
