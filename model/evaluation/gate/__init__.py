"""Whether a challenger may take the place of the champion: rules, limits, and the decision with its reasons."""
