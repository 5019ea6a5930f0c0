"""Loading another system's records into a tenant: read from files or from a database, made by the modules, reported."""
