"""Sources of prompts: files, datasets of the Hub."""
