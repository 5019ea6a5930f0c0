"""The board: tasks in columns by their status, and where in its column each stands."""
