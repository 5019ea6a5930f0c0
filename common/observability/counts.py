"""What happens deep inside a process, counted where it happens: one set of counts for the process, which every
application in it shows. No label has a tenant, a user or a path, so their number is bounded."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

WAITS: Final = (0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10)  # seconds

POOL_WAIT: Final = Histogram(
    "database_pool_wait_seconds", "Time until the pool had given a connection.", buckets=WAITS, registry=None
)
LOOP_LAG: Final = Histogram(
    "event_loop_lag_seconds", "How late a timer of the process went off.", buckets=WAITS, registry=None
)
LOGIN_FAILURES: Final = Counter("login_failures_total", "Logins that failed.", ["reason"], registry=None)
REFRESH_REUSES: Final = Counter(
    "refresh_token_reuses_total", "Refresh tokens used once more, which ended their sessions.", registry=None
)
AUDIT_ENTRIES: Final = Counter("audit_entries_total", "Entries appended to audit logs.", registry=None)
AUDIT_VERIFICATIONS: Final = Counter(
    "audit_verifications_total", "Audit logs verified, by what was found.", ["outcome"], registry=None
)
AUDIT_VERIFIED: Final = Gauge(
    "audit_last_verification_timestamp_seconds", "When this process last verified an audit log.", registry=None
)
EXPORTS: Final = Gauge("audit_exports_in_progress", "Exports of audit logs that are being sent.", registry=None)
JOBS: Final = Gauge("outbox_jobs", "Jobs in the outbox.", ["shard", "state"], registry=None)
JOBS_LATE: Final = Gauge(
    "outbox_oldest_due_seconds", "For how long the oldest due job has been waiting.", ["shard"], registry=None
)
TENANTS_BEHIND: Final = Gauge(
    "tenants_behind", "Tenants at another revision than this version's.", ["shard"], registry=None
)

LOGIN_REASONS: Final = ("unknown_user", "wrong_password", "inactive", "second_factor", "changed", "limited")

for _reason in LOGIN_REASONS:
    LOGIN_FAILURES.labels(_reason)  # at 0 from the start: a rate needs a first value
for _outcome in ("whole", "broken"):
    AUDIT_VERIFICATIONS.labels(_outcome)


def show_counts(registry: CollectorRegistry) -> None:
    """Have ``/metrics`` of an application show them."""
    for metric in (
        *(POOL_WAIT, LOOP_LAG, LOGIN_FAILURES, REFRESH_REUSES, AUDIT_ENTRIES, AUDIT_VERIFICATIONS, AUDIT_VERIFIED),
        *(EXPORTS, JOBS, JOBS_LATE, TENANTS_BEHIND),
    ):
        registry.register(metric)
