"""Tables of months and years, and what a product costs that runs for so long."""
