"""What may become of the files of a run: lost, torn, spoilt, on a full disk."""
