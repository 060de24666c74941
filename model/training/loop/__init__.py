"""The training itself: epochs, losses, checkpoints."""
