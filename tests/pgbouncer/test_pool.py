"""Behind PgBouncer, too, nothing of one tenant's request is left for the next: the tests of the pool of one."""

from __future__ import annotations

from tests.database.test_cancellation import (
    test_work_cancelled_at_any_round_trip_is_done_or_not_done,
    test_work_cancelled_while_it_connects_leaves_the_pool_whole,
)
from tests.database.test_pool import (
    pytestmark,
    test_after_a_failure_the_connection_is_bare,
    test_failing_requests_of_two_tenants_in_turns_do_not_mix,
    test_many_requests_of_two_tenants_share_one_connection,
)
from tests.database.test_stale_statements import plain_names, test_a_changed_column_type_costs_nobody_his_answer

__all__ = [
    "plain_names",
    "pytestmark",
    "test_a_changed_column_type_costs_nobody_his_answer",
    "test_after_a_failure_the_connection_is_bare",
    "test_failing_requests_of_two_tenants_in_turns_do_not_mix",
    "test_many_requests_of_two_tenants_share_one_connection",
    "test_work_cancelled_at_any_round_trip_is_done_or_not_done",
    "test_work_cancelled_while_it_connects_leaves_the_pool_whole",
]
