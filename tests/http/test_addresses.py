"""An address belongs to the most exact template, whatever the method."""

from __future__ import annotations

import pytest

from common.http.dispatch import Addresses
from common.ids import new_id_text
from tests.support.problems import problem_of
from tests.support.world import TestTenant

ADDRESSES = Addresses(["/a", "/a/b", "/a/{id}", "/a/{id}.ics", "/a/{id}/c"])


@pytest.mark.parametrize(
    ("path", "template", "belongs"),
    [
        ("/a/b", "/a/b", True),
        ("/a/b", "/a/{id}", False),
        ("/a/x", "/a/{id}", True),
        ("/a/x.ics", "/a/{id}", False),
        ("/a/x.ics", "/a/{id}.ics", True),
        ("/a/x.txt", "/a/{id}", True),
        ("/a/x.ics/c", "/a/{id}/c", True),
    ],
)
def test_the_most_exact_template_is_meant(path: str, template: str, belongs: bool) -> None:
    assert ADDRESSES.belongs(path, template) is belongs


@pytest.mark.promise("S1")
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "POST"])
async def test_a_calendar_file_can_only_be_read(alpha: TestTenant, method: str) -> None:
    for path in (f"/tools/events/{new_id_text()}.ics", f"/tools/events/feeds/{new_id_text()}.ics"):
        answer = await alpha.owner.request(method, path, json={} if method != "DELETE" else None)
        problem_of(answer, 405, "method_not_allowed")
        assert answer.headers["Allow"] == "GET, HEAD"
