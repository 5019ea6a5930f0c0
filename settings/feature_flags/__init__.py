"""Feature flags in flagd's shape, with targeting, scheduled switches and notes of their use."""
