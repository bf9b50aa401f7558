"""How much room the factory takes, and what may be removed."""
