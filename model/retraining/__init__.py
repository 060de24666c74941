"""Takes a trained run to production step by step, and tells the state of the pipeline."""
