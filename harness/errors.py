"""The one exception a user is meant to see."""


class UserError(Exception):
    """Bad input. The message is one line: which file or key, what is wrong, what to do.

    The command line prints it on stderr without a traceback and exits with status 2.
    """
