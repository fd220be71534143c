"""What a person can be told from their own numbers and files, without a training."""
