"""What a database may do: stop, cut connections, refuse, fill its disk, lose tables."""
