"""Everything people look at: pages, plots and contact sheets. The only room that imports jinja2 and matplotlib."""
