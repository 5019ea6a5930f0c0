"""PostgreSQL servers as this process knows them: its connections, and the pools that hold them."""
