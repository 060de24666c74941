"""The studio of the synthetic source: scenes, the camera that photographs them, and flaws of generators."""
