"""The provenance of rows: models, licences, check results, commands and versions."""
