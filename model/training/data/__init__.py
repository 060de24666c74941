"""Makes batches of training images: decoded, sampled, augmented."""
