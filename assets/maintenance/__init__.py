"""Disk usage of the factory, and removal of old files."""
