"""The project's specification, by feature."""
