"""Settings of the documentation: ``make docs`` builds it into build/docs."""

import mechpert_al

project = "mechpert-al"
author = copyright = "mechpert-al authors"
version = release = mechpert_al.__version__
extensions = [
    "myst_nb",  # Markdown, and notebooks as they were executed
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "sphinx_click",
]
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "off"
autodoc_typehints = "none"  # signatures stay readable; the docstrings say shapes and units
numpydoc_show_class_members = False
html_theme = "pydata_sphinx_theme"
html_title = "mechpert-al"
html_theme_options = {
    "show_prev_next": True,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
}
html_show_sourcelink = False
html_sidebars = {"**": []}  # the pages are few: the bar above names them all
smartquotes = False  # two hyphens of an option stay two
exclude_patterns = ["figures", "notebooks/*.py"]
