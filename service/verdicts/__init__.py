"""From an image file to the verdict that is sent."""
