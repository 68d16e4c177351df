"""Settings of the web book: ``make book``, or ``sphinx-build docs build/book``.

RESULTS, an environment variable, is the folder of a profile's results; without it, the book shows
the published notebooks. Neither building nor reading the book needs a network.
"""

import os
from importlib import metadata
from pathlib import Path

from reproduction.site import chapters

chapters.collect(Path(__file__).parent, Path(os.environ.get("RESULTS", "/nowhere")))

project = "Who are you playing with?"
author = "The paperlib authors"
version = release = metadata.version("paperlib")
html_title = project

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_design",
    "reproduction.site.mathml",
]
exclude_patterns = ["chapters/contents.md", "_templates"]
templates_path = ["_templates"]

# Notebooks
nb_execution_mode = "off"
nb_output_stderr = "remove"
nb_render_image_options = {"alt": "Figure, described in the text around it"}
myst_enable_extensions = ["amsmath", "colon_fence", "dollarmath"]
myst_heading_anchors = 3

# Reference
autosummary_generate = True
autosummary_ignore_module_all = False
autodoc_default_options = {"members": True, "member-order": "bysource", "show-inheritance": True}
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_use_ivar = True
default_role = "py:obj"  # names in single backquotes
maximum_signature_line_length = 80

# Pages
html_theme = "furo"
html_math_renderer = "mathml"
html_static_path = ["_static"]
html_css_files = ["book.css"]
html_extra_path = ["_extra"]
html_show_sourcelink = False
html_copy_source = False
html_show_search_summary = False  # browsers refuse scripts to read other pages where file:// is
