"""A picture as Dagster shows it: a Markdown image that holds all of the SVG."""

import base64
from typing import Any

import dagster as dg

from assets.charts.svg import Picture
from assets.rendering.markdown import escaped


def in_markdown(picture: Picture) -> dg.MetadataValue[Any]:
    """Metadata that draws ``picture``; what it says in words is for those who cannot see it."""
    svg = base64.b64encode(picture.alone().encode()).decode()
    return dg.MetadataValue.md(f"![{escaped(picture.says)}](data:image/svg+xml;base64,{svg})")
