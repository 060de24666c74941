"""The training itself: epochs, steps, checkpoints."""
