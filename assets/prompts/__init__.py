"""Which prompts a source gives and a recipe draws at a refresh."""
