"""Sources of prompts: files, datasets of the Hub; a second set of prompts of a recipe."""
