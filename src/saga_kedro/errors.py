"""The base of errors that are meant for a person."""


class SagaError(Exception):
    """One sentence for the person: what went wrong, where, and what to do. The command line prints it without a traceback."""
