"""What a detector is worth on the test images: scores, report, robustness, and the forecast for unseen generators."""
