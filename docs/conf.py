"""Settings of the documentation: ``make docs`` builds it into build/docs."""

import mechpert_al

project = "mechpert-al"
author = copyright = "mechpert-al authors"
version = release = mechpert_al.__version__
extensions = ["myst_parser", "numpydoc", "sphinx.ext.autodoc", "sphinx.ext.viewcode"]
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3
autodoc_typehints = "none"  # signatures stay readable; the docstrings say shapes and units
numpydoc_show_class_members = False
html_theme = "alabaster"
html_theme_options = {"page_width": "1100px", "sidebar_width": "220px"}
exclude_patterns = ["figures"]
