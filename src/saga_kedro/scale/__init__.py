"""What a corpus of some size costs: time, disk and memory of each step, from unit costs, without running anything."""
