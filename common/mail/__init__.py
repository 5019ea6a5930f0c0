"""Mail: templates in several languages, and the two ways out, SMTP and a folder."""
