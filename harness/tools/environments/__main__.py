"""The commands, for any Python: one that is too old for them is told so in a line."""

import sys

if sys.version_info < (3, 8):  # noqa: UP036
    sys.stderr.write(
        "cyclebench: Python %d.%d is too old; name another, as in `make setup PYTHON=python3.12`\n"  # noqa: UP031
        % sys.version_info[:2]
    )
    sys.exit(2)

from harness.tools.environments.commands import main

sys.exit(main(sys.argv[1:]))
