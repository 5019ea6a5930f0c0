"""What the platform's operator does himself, from the command line, and what the owner of the schemas needs."""

from __future__ import annotations

from settings.audit.checking import Chain, verify_chain, verify_end
from settings.audit.export.schemas import AuditExportFormat
from settings.audit.export.service import Wanted, export_log
from settings.audit.filters import AuditFilters
from settings.audit.proofs import chain_of, platform_chain
from settings.audit.schemas import Break, Checkpoint, Tombstone, Verification, exact
from settings.audit.signing import audit_seals, checkpoint_holds, seal_checkpoint, seal_tombstone, tombstone_holds
from settings.audit.verify_export import Broken, Proof, Unreadable, describe, verify_file
from settings.entries.reading import list_history, view_of
from settings.entries.schemas import (
    KeyResult,
    SettingCreate,
    SettingPatch,
    SettingsImportReport,
    SettingVersion,
    TransferFormat,
)
from settings.entries.service import create_setting, delete_setting, update_setting
from settings.entries.transfers import export_settings, import_settings
from settings.feature_flags.writing import SWITCH as FLAG_SWITCH
from settings.rotation.service import renew_secrets, renew_system_secrets
from settings.schemas import Setting, SettingSource
from settings.system.schemas import SystemSetting, SystemSettingReplace
from settings.system.service import delete_setting as delete_system_setting
from settings.system.service import get_setting as get_system_setting
from settings.system.service import list_settings as list_system_settings
from settings.system.service import put_setting as put_system_setting

__all__ = [
    "FLAG_SWITCH",
    "AuditExportFormat",
    "AuditFilters",
    "Break",
    "Broken",
    "Chain",
    "Checkpoint",
    "KeyResult",
    "Proof",
    "Setting",
    "SettingCreate",
    "SettingPatch",
    "SettingSource",
    "SettingVersion",
    "SettingsImportReport",
    "SystemSetting",
    "SystemSettingReplace",
    "Tombstone",
    "TransferFormat",
    "Unreadable",
    "Verification",
    "Wanted",
    "audit_seals",
    "chain_of",
    "checkpoint_holds",
    "create_setting",
    "delete_setting",
    "delete_system_setting",
    "describe",
    "exact",
    "export_log",
    "export_settings",
    "get_system_setting",
    "import_settings",
    "list_history",
    "list_system_settings",
    "platform_chain",
    "put_system_setting",
    "renew_secrets",
    "renew_system_secrets",
    "seal_checkpoint",
    "seal_tombstone",
    "tombstone_holds",
    "update_setting",
    "verify_chain",
    "verify_end",
    "verify_file",
    "view_of",
]
