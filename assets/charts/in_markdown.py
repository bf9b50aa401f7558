"""A picture as a Markdown image for Dagster, with the SVG inside."""

import base64
from typing import Any

import dagster as dg

from assets.charts.svg import Picture
from assets.rendering.markdown import escaped


def in_markdown(picture: Picture) -> dg.MetadataValue[Any]:
    """Metadata that shows ``picture``, with its description as alternative text."""
    svg = base64.b64encode(picture.alone().encode()).decode()
    return dg.MetadataValue.md(f"![{escaped(picture.says)}](data:image/svg+xml;base64,{svg})")
