"""Whether a file may be handed to a reader: its kind, its size, its depth, its wholeness."""
