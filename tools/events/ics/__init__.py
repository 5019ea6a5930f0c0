"""Calendar files (iCalendar, RFC 5545): writing and reading them."""
