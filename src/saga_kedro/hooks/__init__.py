"""What happens around every run of a pipeline: settings.py registers these hooks with Kedro."""
