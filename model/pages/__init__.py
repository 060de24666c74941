"""Draws the pages, plots and contact sheets that people look at. Only this room imports jinja2 and matplotlib."""
