"""The record of a drill, the goals it has to meet, and its story in sentences."""
