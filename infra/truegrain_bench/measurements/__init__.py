"""The measurements behind the figures, one file a topic."""
