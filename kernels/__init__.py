"""Hot numeric code."""
