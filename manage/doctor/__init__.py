"""What `python -m manage doctor` looks at: everything the service depends on."""
