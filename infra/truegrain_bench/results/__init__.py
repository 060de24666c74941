"""The list of figures, and how results are kept and published."""
