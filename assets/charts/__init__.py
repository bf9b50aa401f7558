"""Pictures of funnels, numbers, search trees and step-scored solutions, as SVG that needs nothing
beside itself.

What models and strangers wrote is in them as text, escaped; they run no script and load nothing.
Alone they bring colours for light and dark; inside a page they take the page's (the report's).
"""

from assets.charts.branches import Branch, thinned
from assets.charts.examples import TREES, asked, chosen_trees, pictures
from assets.charts.funnel import funnel_picture
from assets.charts.in_markdown import in_markdown
from assets.charts.plotted import histograms, plotted
from assets.charts.solution import Judged, labelled, scored, solution_picture
from assets.charts.svg import Picture
from assets.charts.tree import tree_picture

__all__ = [
    "TREES",
    "Branch",
    "Judged",
    "Picture",
    "asked",
    "chosen_trees",
    "funnel_picture",
    "histograms",
    "in_markdown",
    "labelled",
    "pictures",
    "plotted",
    "scored",
    "solution_picture",
    "thinned",
    "tree_picture",
]
