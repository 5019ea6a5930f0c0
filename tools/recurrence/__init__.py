"""Recurrence: rules of RFC 5545 (section 3.3.10), read and checked, and their dates within bounded work.

Not a tool of its own but a part that tools share, as they share ``tools.records`` and ``tools.reminders``. A tool reads
a rule with ``rules.parse_rule``, refuses what it does not serve itself, and asks ``dates`` for the days; what the clock
shows on them is the tool's.
"""
