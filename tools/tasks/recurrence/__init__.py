"""Series of tasks: when one is completed, the next is made."""
