"""Whether a file is whole: what it promises of its end and of its rows, against what is there and what was read."""
