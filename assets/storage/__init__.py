"""Where tables and versions of datasets lie, and how files are written."""
