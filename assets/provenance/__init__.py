"""What rows were made by and from: models, licences, checks, commands and versions."""
