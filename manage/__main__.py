"""``python -m manage``."""

import signal
import sys

signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C during the imports ends the process without a traceback

from manage.nouns import NOUNS  # noqa: E402

if sys.argv[1:2] and sys.argv[1] in NOUNS:
    from manage.operations import main
else:
    from manage.app import main

signal.signal(signal.SIGINT, signal.default_int_handler)
main()
