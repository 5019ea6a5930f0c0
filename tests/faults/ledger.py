"""Everything that was acknowledged, to be compared with the tables and with the audit log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from common.config import Config
from tests.support.apps import connect


@dataclass
class Ledger:
    """The notes of each tenant whose creation or change was answered with 2xx, by id, with their newest version."""

    acknowledged: dict[str, dict[str, int]] = field(default_factory=dict)
    writes: int = 0

    def enter(self, tenant: str, note: str, version: int) -> None:
        """A write was acknowledged."""
        notes = self.acknowledged.setdefault(tenant, {})
        notes[note] = max(version, notes.get(note, 0))
        self.writes += 1


@dataclass(frozen=True)
class Comparison:
    """What the tables and the log have against the ledger; all lists are empty if no promise was broken."""

    lost: list[str]  # acknowledged, and not there, or older
    without_entry: list[str]  # notes with fewer entries than changes
    without_note: list[str]  # entries of what is not there, or of changes that are not


async def compare(ledger: Ledger, config: Config) -> Comparison:
    """Look at every tenant of the ledger as the database's owner."""
    lost, without_entry, without_note = list[str](), list[str](), list[str]()
    for tenant, acknowledged in ledger.acknowledged.items():
        versions, entries = await _stored(config, tenant)
        lost += [f"{tenant} {note}" for note, version in acknowledged.items() if versions.get(note, 0) < version]
        for note in versions.keys() | entries.keys():
            there, told = versions.get(note, 0), entries.get(note, 0)
            without_entry += [f"{tenant} {note}"] if told < there else []
            without_note += [f"{tenant} {note}"] if told > there else []
    return Comparison(lost, without_entry, without_note)


async def _stored(config: Config, tenant: str) -> tuple[Mapping[str, int], Mapping[str, int]]:
    """The version of each note, and how many entries of the audit log are about it."""
    async with connect(config.owner_url) as owner:
        await owner.execute(f"SET search_path TO {tenant}")
        notes = await owner.fetch("SELECT id::text, version FROM notes")
        entries = await owner.fetch(
            "SELECT target_id, count(*) AS told FROM audit_logs WHERE target_type = 'note' GROUP BY target_id"
        )
    return {row["id"]: row["version"] for row in notes}, {row["target_id"]: row["told"] for row in entries}
