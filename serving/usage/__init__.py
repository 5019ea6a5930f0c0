"""When things were last used, noted without a write for every use."""
