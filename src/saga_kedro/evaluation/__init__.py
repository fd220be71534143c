"""From test clips to numbers: pairs, the rows they are scored in, and means with intervals."""
