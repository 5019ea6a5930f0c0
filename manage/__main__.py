"""``python -m manage``."""

from manage.app import main

main()
