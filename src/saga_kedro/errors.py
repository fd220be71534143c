"""The base class of errors meant for a person."""


class SagaError(Exception):
    """One sentence for the person: what went wrong, where, and what to do. The command line prints it without a traceback."""
