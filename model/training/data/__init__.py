"""Batches of training images: decoded, sampled, augmented."""
