"""Where audio comes from: each corpus becomes rows of one manifest. Nothing here knows of Kedro or of the model."""
