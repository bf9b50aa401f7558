"""Published datasets read into tables."""
