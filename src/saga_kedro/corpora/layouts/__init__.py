"""Published corpora as their publishers lay them out, one module each: ``find_<name>(path) -> list[Source]``.

Each raises ValueError for a folder that is laid out otherwise, with one sentence: what it looked for, and where.
"""
