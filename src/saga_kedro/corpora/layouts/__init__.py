"""Published corpora as their publishers lay them out, one module each: ``find_<name>(path) -> list[Source]``."""
