"""Tasks and the tasks they are parts of."""
