"""What a model needs in memory, and what is free: told before weights are loaded."""
