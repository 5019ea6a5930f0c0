"""How tasks hang together: parts of each other, one after another."""
