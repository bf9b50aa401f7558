"""Pictures of funnels, histograms, search trees and step-scored solutions, as self-contained SVG.

Text from models and datasets is escaped. The pictures run no script and load nothing. As files they
have colours for light and dark; inside a page they use the page's colours.
"""

from assets.charts.branches import Branch, thinned
from assets.charts.claim_plot import claim_picture
from assets.charts.examples import TREES, chosen_prompts, pictures, prompt_texts
from assets.charts.funnel import funnel_picture
from assets.charts.in_markdown import in_markdown
from assets.charts.plotted import histograms, plotted
from assets.charts.solution import Judged, labelled, scored, solution_picture
from assets.charts.svg import Picture
from assets.charts.training_curves import curve_pictures, training_curves
from assets.charts.tree import tree_picture

__all__ = [
    "TREES",
    "Branch",
    "Judged",
    "Picture",
    "chosen_prompts",
    "claim_picture",
    "curve_pictures",
    "funnel_picture",
    "histograms",
    "in_markdown",
    "labelled",
    "pictures",
    "plotted",
    "prompt_texts",
    "scored",
    "solution_picture",
    "thinned",
    "training_curves",
    "tree_picture",
]
