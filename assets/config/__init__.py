"""Settings, YAML files and the errors that a user reads."""
