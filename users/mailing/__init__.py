"""The mails of the users module, sent by the outbox worker."""
