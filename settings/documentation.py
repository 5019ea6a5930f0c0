"""What the API's document says of the settings module beside its operations: its tags, and what examples say."""

from __future__ import annotations

from typing import Final

from common.http.examples import MOMENT, id_of
from common.http.openapi import Documentation

DOCUMENTATION: Final = Documentation(
    tags={
        "settings": "Values in force for a tenant: its own over the system's over the declared defaults.",
        "feature flags": "Switches with variants and rules, in flagd's form.",
        "ofrep": "The OpenFeature Remote Evaluation Protocol 0.3: any OpenFeature client can ask.",
        "audit log": "Who did what, in a chain that proves itself.",
    },
    examples={
        "AuditActor.id": id_of("user"),
        "AuditActor.name": "maria",
        "AuditTarget.type": "role",
        "AuditTarget.id": id_of("role"),
        "AuditTarget.name": "auditor",
        "ChangedBy.id": id_of("user"),
        "ChangedBy.name": "maria",
        "Verification.ok": True,
        "Verification.checked": 42,
        "Verification.first_break": None,
        "Checkpoint.time": MOMENT,
        "Checkpoint.size": 42,
        "Checkpoint.key_id": "c0ffee00",
        "Checkpoint.head_hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "Checkpoint.public_key": "MCowBQYDK2VwAyEA...",
        "Checkpoint.signature": "k3mPZ0rQvX...",
        "FeatureFlag.switch_to": None,
        "FeatureFlag.last_evaluated_at": MOMENT,
        "DeclaredSetting.value_type": "integer",
        "DeclaredSetting.description": "The fewest characters of a new password.",
        "DeclaredSetting.minimum": 8,
        "DeclaredSetting.maximum": 128,
        "SettingsImportReport.updated": 0,
        "SettingsImportReport.unchanged": 0,
        "SettingsImportReport.failed": 0,
        "KeyResult.error": None,
        "EvaluationSuccess.metadata": {"team": "booking"},
        "BulkEvaluation.metadata": {"version": "12"},
    },
)
