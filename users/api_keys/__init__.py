"""API keys: credentials for programs, which act as their owner and may never do more."""
