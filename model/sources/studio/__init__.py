"""The studio of the synthetic source: scenes, the camera that photographs them, and the generators that fake it."""
