"""What an API may answer: errors, refusals, silence, other shapes, answers without end."""
