"""The steps from a trained run to production, and where the pipeline stands."""
