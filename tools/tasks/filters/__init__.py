"""What lists of tasks and the board can be narrowed and sorted by."""
