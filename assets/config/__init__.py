"""Where configuration is found and what it means."""
