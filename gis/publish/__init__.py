"""Publication: frames in, files for people out. No store and no analysis is known here."""
