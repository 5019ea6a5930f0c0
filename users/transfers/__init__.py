"""Many users at once: from a CSV file, and into one."""
