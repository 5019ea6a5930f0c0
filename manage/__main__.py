"""``python -m manage``."""

import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C during the imports ends the process without a traceback

from manage.app import main  # noqa: E402

signal.signal(signal.SIGINT, signal.default_int_handler)
main()
