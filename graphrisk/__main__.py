"""Run the command line as ``python -m graphrisk``."""

import sys

from graphrisk.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
