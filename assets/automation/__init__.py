"""Sensors, partitions and policies that run refreshes without a person."""
