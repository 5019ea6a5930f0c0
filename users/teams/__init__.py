"""Teams, their members and the roles they carry."""
