"""Using a trained model: files of any length and format in, files out."""
