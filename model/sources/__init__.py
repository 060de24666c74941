"""Where labelled images come from: one file a kind, each a generator of LabelledImage."""
