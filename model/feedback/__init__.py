"""What users report about verdicts, and how their reports are accepted or refused."""
