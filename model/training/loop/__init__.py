"""Runs the training: epochs, steps, checkpoints."""
