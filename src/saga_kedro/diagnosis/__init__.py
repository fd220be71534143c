"""What a person's own numbers and files say, without a training."""
