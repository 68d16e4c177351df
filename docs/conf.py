"""Settings of the web book: ``make book``, or ``sphinx-build docs build/book``.

The book shows the executed notebooks in the folder that the environment variable RESULTS names, and
the published copies of those that have not run there. It is built and read without a network.
"""

import os
from importlib import metadata
from pathlib import Path

from reproduction.results import ROOT
from reproduction.site import chapters

chapters.collect(Path(__file__).parent, Path(os.environ.get("RESULTS", ROOT / "results/laptop")))

project = "Who are you playing with?"
author = "The paperlib authors"
version = release = metadata.version("paperlib")
extensions = [
    "myst_nb",
    "reproduction.site.chapters",
    "reproduction.site.docstrings",
    "reproduction.site.mathml",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_design",
]
exclude_patterns = ["chapters/contents.md", "extra"]
templates_path = ["_templates"]
default_role = "py:obj"  # for names in single backquotes
smartquotes_action = "D"  # only dashes

nb_execution_mode = "off"
nb_render_markdown_format = "myst"  # has tables
nb_output_stderr = "remove"
myst_enable_extensions = ["amsmath", "colon_fence", "dollarmath"]

autodoc_default_options = {"members": True, "member-order": "bysource", "show-inheritance": True}
autodoc_preserve_defaults = True
autodoc_type_aliases = {name: name for name in ("ArrayLike", "Augment", "Objective")}
autodoc_typehints_format = "short"
maximum_signature_line_length = 80
napoleon_attr_annotations = False  # types stand in the signature
napoleon_use_ivar = True

html_theme = "furo"
html_title = project
html_math_renderer = "mathml"
html_static_path = ["_static"]
html_css_files = ["book.css"]
html_extra_path = ["extra"]
html_copy_source = False
html_show_search_summary = False  # needs a script to read other pages, which file:// forbids
