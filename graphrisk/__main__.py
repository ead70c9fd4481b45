"""Run the command line, as ``graphrisk`` or ``python -m graphrisk``."""

import sys


def run() -> int:
    """Run the command line of the process; Ctrl-C ends it quietly from its first moment on.

    Returns
    -------
    int
        The exit code.
    """
    try:
        from graphrisk.cli.app import main  # noqa: PLC0415 -- what it imports takes a moment, too, that may be ended
    except KeyboardInterrupt:
        return 130
    return main()


if __name__ == "__main__":
    sys.exit(run())
