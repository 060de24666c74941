"""The figures that README states: how each is measured, and where the results are kept."""
