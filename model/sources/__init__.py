"""Where labelled images come from: one file for each kind of source, which yields LabelledImage."""
