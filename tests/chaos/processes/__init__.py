"""What ends or disturbs a process: kills, signals, other writers."""
