"""What all tools have in common: kinds of records, who may reach which, their links, and the life of each."""
