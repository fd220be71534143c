"""Audio to sentence: from signal descriptors, from Qwen2-Audio, or from a table that somebody brings."""
