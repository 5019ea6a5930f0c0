"""Comments on tasks, and whom they mention."""
