"""Files become canonical frames: read · conform · repair · validate; nothing enters silently wrong or is lost."""
