"""The endpoints: one file each, what comes in and what goes out over HTTP."""
