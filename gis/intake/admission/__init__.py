"""Whether a file may be handed to a reader: its kind, its parts, its size and its depth."""
