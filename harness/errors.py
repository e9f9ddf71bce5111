"""Exceptions that the command line turns into one line."""


class UserError(Exception):
    """Bad input. The message is one line: which file or key, what is wrong, what to do.

    The command line prints it on stderr without a traceback and exits with status 2.
    """


class WorkerFailed(Exception):
    """A worker died; the traceback is in the run's log, which the message names. Status 1."""
