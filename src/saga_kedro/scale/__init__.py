"""What a corpus of some size costs: time, disk and memory of each step, computed from unit costs."""
