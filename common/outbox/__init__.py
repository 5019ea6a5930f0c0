"""Jobs that a transaction orders and that are done after it: mail today, reminders later.

A job is a row of ``system.outbox``, written by ``WriteUnit.enqueue`` in the transaction that needs it. Workers in every
process take turns: a job is leased, done, and deleted; one that fails is tried again later, and at last set aside.
"""
