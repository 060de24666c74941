"""What goes over the wire: problems, verdicts, options, receipts."""
