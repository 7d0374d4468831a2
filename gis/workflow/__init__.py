"""The main jobs, where store and analysis meet; each function reads like a numbered abstract."""
