"""A picture as a Markdown image for Dagster, with the SVG inside."""

import base64
from typing import TYPE_CHECKING, Any

from assets.charts.svg import Picture
from assets.rendering.markdown import escaped

if TYPE_CHECKING:
    import dagster as dg


def in_markdown(picture: Picture) -> "dg.MetadataValue[Any]":
    """Metadata that shows ``picture``, with its description as alternative text."""
    svg = base64.b64encode(picture.alone().encode()).decode()
    # Imported here: commands that show rows do not need it, and it takes half a second.
    import dagster as dg

    return dg.MetadataValue.md(f"![{escaped(picture.says)}](data:image/svg+xml;base64,{svg})")
