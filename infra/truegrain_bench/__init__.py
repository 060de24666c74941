"""The figures that README states: their measurements, and the list of their results."""
