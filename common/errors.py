"""What can go wrong, by meaning. One table in ``common.http.problems`` turns the branches into HTTP statuses.

    ServiceError
    ├── InvalidRequest        the request contradicts itself or the contract
    │   ├── TenantRequired · TenantInvalid · AmbiguousCredentials · CursorInvalid · TokenInvalid
    │   ├── ContextUnreadable · ContextInvalid · TargetingKeyMissing · MultipartInvalid
    ├── Unauthenticated       nobody, or nobody we believe
    │   ├── InvalidCredentials · RefreshTokenInvalid · RefreshTokenReused · PlatformKeyInvalid
    ├── Forbidden             somebody, but not allowed
    │   ├── PermissionDenied · TenantMismatch · TenantSuspended · SessionRequired · SecondFactorRequired
    │   └── NotInvited
    ├── NotFound              does not exist, or may not be known to exist
    │   └── TenantNotFound · FlagNotFound · ContentMissing
    ├── Conflict              contradicts what is stored
    │   ├── RoleNameTaken · TeamNameTaken · RoleIsSystem · InvitationPending · InvitationClosed
    │   ├── EmailTaken · UsernameTaken · TenantExists · LastOwner · ApiKeyRevoked · TooManyKeys · IdempotencyInFlight
    │   ├── SettingExists · SettingLocked · SettingsFull · FlagExists · FlagsFull · AuditChainBroken
    │   ├── ExternalIdTaken · ReviewVerified · ReviewNotApproved · ReviewRequestPending · ReviewRequestClosed
    │   ├── QuotaExceeded · UploadStalled         the file does not arrive
    │   ├── FileTooLarge          the file is larger than a file may be
    │   ├── FileTypeRefused       the file is of a kind that is not taken
    │   ├── RangeNotSatisfiable   the part asked for does not exist
    │   ├── VersionConflict       somebody changed it first
    │   ├── Unprocessable         well-formed, but refused by a rule · SortInvalid · UnknownParameter
    │   ├── IdempotencyMismatch · PasswordRefused · UnknownReference · TeamCycle · ImportInvalid · SettingInvalid
    │   ├── FlagsInvalid · KindUnknown · SearchInvalid · CallInvalid · RangeInvalid · TaskCycle · EventExists
    │   ├── TooManyFeeds · ScheduleInvalid · TooManyOccurrences
    ├── TooManyRequests       slow down
    └── Unavailable           cannot be served now; try again
        ├── TenantOutdated · TenantMoving · DatabaseUnavailable · StorageUnavailable · Overloaded

An error's ``code`` is stable: clients switch on it. Its ``detail`` is a sentence for people and may change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Fault:
    """One of several things wrong with a request: where (RFC 6901 pointer), a stable code, and a sentence."""

    pointer: str
    code: str
    message: str


class ServiceError(Exception):
    """Base of every expected failure."""

    code: ClassVar[str]
    default_detail: ClassVar[str]
    faults: Sequence[Fault] = ()  # when there are several to name
    retry_after: int | None = None  # seconds

    def __init__(self, detail: str | None = None, *, pointer: str | None = None, reason: str | None = None) -> None:
        self.detail = detail or self.default_detail
        self.pointer = pointer  # RFC 6901, when one field of the body is at fault
        self.reason = reason or self.code  # stable like the code, and finer: what exactly is wrong with that field
        super().__init__(self.detail)


class InvalidRequest(ServiceError):
    code = "bad_request"
    default_detail = "The request could not be understood."


class TenantRequired(InvalidRequest):
    code = "tenant_required"
    default_detail = "The header X-Tenant-ID is missing."


class TenantInvalid(InvalidRequest):
    code = "tenant_invalid"
    default_detail = "X-Tenant-ID must be sent once and name a tenant, such as `tenant_acme` or `acme`."


class AmbiguousCredentials(InvalidRequest):
    code = "ambiguous_credentials"
    default_detail = "Send either Authorization or X-API-Key, once."


class CursorInvalid(InvalidRequest):
    code = "cursor_invalid"
    default_detail = "The cursor was not issued for this list with these filters and this order."


class TokenInvalid(InvalidRequest):
    code = "token_invalid"
    default_detail = "The link was used before, has expired or was replaced by a newer one. Ask for a new one."


class ContextUnreadable(InvalidRequest):
    code = "parse_error"
    default_detail = "The body must be a JSON object whose only field is `context`."


class ContextInvalid(InvalidRequest):
    code = "invalid_context"
    default_detail = "`context` must be an object."


class TargetingKeyMissing(InvalidRequest):
    code = "targeting_key_missing"
    default_detail = "`targetingKey` is empty. Name somebody, or leave it out."


class MultipartInvalid(InvalidRequest):
    code = "multipart_invalid"
    default_detail = "The body must be multipart/form-data (RFC 7578), complete and with a boundary."


class Unauthenticated(ServiceError):
    code = "unauthenticated"
    default_detail = "A valid access token or API key is required."


class InvalidCredentials(Unauthenticated):
    code = "invalid_credentials"
    default_detail = "The user name or the password is wrong."


class MfaRequired(Unauthenticated):
    code = "mfa_required"
    default_detail = "The password is right; send a code of the second factor too, as `otp`."


class RefreshTokenInvalid(Unauthenticated):
    code = "refresh_token_invalid"
    default_detail = "The refresh token is not valid. Log in again."


class RefreshTokenReused(Unauthenticated):
    code = "refresh_token_reused"
    default_detail = "The refresh token had been used before, so its session was ended. Log in again."


class PlatformKeyInvalid(Unauthenticated):
    code = "platform_key_invalid"
    default_detail = "A valid X-Platform-Key is required."


class Forbidden(ServiceError):
    code = "forbidden"
    default_detail = "This is not allowed."


class PermissionDenied(Forbidden):
    """Also an entry in the audit log, which names ``permission`` where one was missing."""

    code = "permission_denied"
    default_detail = "A permission is missing."

    def __init__(self, detail: str | None = None, *, permission: str | None = None) -> None:
        super().__init__(detail)
        self.permission = permission


class TenantMismatch(Forbidden):
    code = "tenant_mismatch"
    default_detail = "X-Tenant-ID names another tenant than the credential."


class TenantSuspended(Forbidden):
    code = "tenant_suspended"
    default_detail = "The tenant is suspended."


class SessionRequired(Forbidden):
    code = "session_required"
    default_detail = "This needs a login; an API key is not enough."


class SecondFactorRequired(Forbidden):
    code = "second_factor_required"
    default_detail = "A role of yours demands a second factor: enrol one, then everything else is open again."


class NotInvited(Forbidden):
    code = "not_invited"
    default_detail = "Only who is invited can answer."


class NotFound(ServiceError):
    code = "not_found"
    default_detail = "There is nothing here by that name."


class TenantNotFound(NotFound):
    code = "tenant_not_found"
    default_detail = "There is no such tenant."


class FlagNotFound(NotFound):
    code = "flag_not_found"
    default_detail = "There is no such flag."


class ContentMissing(NotFound):
    code = "content_missing"
    default_detail = "The file's content is not in the storage. It was not copied with its tenant, or was lost there."


class Conflict(ServiceError):
    code = "conflict"
    default_detail = "The request contradicts what is stored."


class EmailTaken(Conflict):
    code = "email_taken"
    default_detail = "Another user has this e-mail address."


class UsernameTaken(Conflict):
    code = "username_taken"
    default_detail = "Another user has this user name."


class InvitationPending(Conflict):
    code = "invitation_pending"
    default_detail = "This address has been invited already; the invitation can be sent again."


class InvitationClosed(Conflict):
    code = "invitation_closed"
    default_detail = "The invitation was accepted or revoked."


class RoleNameTaken(Conflict):
    code = "role_name_taken"
    default_detail = "Another role has this name."


class TeamNameTaken(Conflict):
    code = "team_name_taken"
    default_detail = "Another team has this name."


class RoleIsSystem(Conflict):
    code = "system_role"
    default_detail = "The roles that every tenant has cannot be edited or deleted."


class TenantExists(Conflict):
    code = "tenant_exists"
    default_detail = "A tenant of this name exists."


class LastOwner(Conflict):
    code = "last_owner"
    default_detail = "The tenant's last owner must stay an active owner."


class MfaAlreadyEnabled(Conflict):
    code = "mfa_already_enabled"
    default_detail = "The second factor is on already; turn it off first."


class ApiKeyRevoked(Conflict):
    code = "api_key_revoked"
    default_detail = "The API key was revoked and cannot be changed any more."


class SettingExists(Conflict):
    code = "setting_exists"
    default_detail = "The tenant has a value for this key already; change that one."


class SettingLocked(Conflict):
    code = "setting_locked"
    default_detail = "The platform has locked this setting; a tenant cannot change it."


class SettingsFull(Conflict):
    code = "settings_full"
    default_detail = "There is no room for more settings."


class FlagExists(Conflict):
    code = "flag_exists"
    default_detail = "There is a feature flag of this key already."


class FlagsFull(Conflict):
    code = "flags_full"
    default_detail = "There is no room for more feature flags."


class AuditChainBroken(Conflict):
    code = "audit_chain_broken"
    default_detail = "The audit log does not fit what is known of it: verify it to see where it was tampered with."


class TooManyKeys(Conflict):
    code = "too_many_keys"
    default_detail = "A user has at most 100 living API keys. Revoke one that is not needed any more."


class EventExists(Conflict):
    code = "event_exists"
    default_detail = "The event that was imported from the same entry of a calendar is there again."


class TooManyFeeds(Conflict):
    code = "too_many_feeds"
    default_detail = "A user has at most 20 calendar feeds. Delete one that is not needed any more."


class ExternalIdTaken(Conflict):
    code = "external_id_taken"
    default_detail = "Another call has this external_id."


class ReviewVerified(Conflict):
    code = "review_verified"
    default_detail = "What a verified customer said cannot be changed. It can be rejected, answered or deleted."


class ReviewNotApproved(Conflict):
    code = "review_not_approved"
    default_detail = "Only an approved review can be answered: nobody would see the reply."


class ReviewRequestPending(Conflict):
    code = "review_request_pending"
    default_detail = "This address has been asked about this subject already, and has a link that is still good."


class ReviewRequestClosed(Conflict):
    code = "review_request_closed"
    default_detail = "The request was answered or revoked."


class IdempotencyInFlight(Conflict):
    code = "idempotency_in_flight"
    default_detail = "A request with this Idempotency-Key is still being handled."
    retry_after = 1


class QuotaExceeded(Conflict):
    code = "quota_exceeded"
    default_detail = "There is no room for this file: the tenant's attachments would exceed their quota."


class UploadStalled(ServiceError):
    code = "upload_stalled"
    default_detail = "The upload took too long. Nothing of it was kept."


class FileTooLarge(ServiceError):
    code = "file_too_large"
    default_detail = "The file is larger than this tenant accepts."


class FileTypeRefused(ServiceError):
    code = "file_type_refused"
    default_detail = "Files of this type are not accepted."


class RangeNotSatisfiable(ServiceError):
    code = "range_not_satisfiable"
    default_detail = "The file has no such part; Content-Range says how long it is."


class VersionConflict(ServiceError):
    code = "version_conflict"
    default_detail = "The resource was changed since it was read. Read it again, then repeat the change."


class Unprocessable(ServiceError):
    code = "unprocessable"
    default_detail = "The request was understood and refused."


class SortInvalid(Unprocessable):
    code = "sort_invalid"
    default_detail = "The list cannot be sorted that way."

    def __init__(self, detail: str) -> None:
        super().__init__(detail, pointer="/query/sort")


class UnknownParameter(Unprocessable):
    code = "unknown_parameter"
    default_detail = "The address has a query parameter that this operation does not know."


class KindUnknown(Unprocessable):
    code = "kind_unknown"
    default_detail = "There is no kind of record of that name."

    def __init__(self, detail: str) -> None:
        super().__init__(detail, pointer="/query/kind")


class SearchInvalid(Unprocessable):
    code = "search_invalid"
    default_detail = "There is no word to search for in q."

    def __init__(self) -> None:
        super().__init__(pointer="/query/q")


class IdempotencyMismatch(Unprocessable):
    code = "idempotency_mismatch"
    default_detail = "This Idempotency-Key was used with another body."


class ArchiveInvalid(Unprocessable):
    code = "archive_invalid"
    default_detail = "The file is not an archive of a tenant that this service can read."


class PasswordWrong(Unprocessable):
    code = "password_wrong"
    default_detail = "The password is wrong."


class MfaCodeInvalid(Unprocessable):
    code = "mfa_code_invalid"
    default_detail = "The code is wrong, or was used before."


class PasswordRefused(Unprocessable):
    code = "password_refused"
    default_detail = "The password is too easy to guess."


class ImportInvalid(Unprocessable):
    code = "import_invalid"
    default_detail = "The file cannot be read."


class SettingInvalid(Unprocessable):
    code = "setting_invalid"
    default_detail = "The value is not one that this setting can have."


class FlagsInvalid(Unprocessable):
    code = "flags_invalid"
    default_detail = "Nothing was stored: there are faults; see errors."

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__()
        self.faults = faults


class CallInvalid(Unprocessable):
    code = "call_invalid"
    default_detail = "The times of the call contradict each other or its status."


class RangeInvalid(Unprocessable):
    code = "range_invalid"
    default_detail = "The range ends before it begins, or is too wide."


class UnknownReference(Unprocessable):
    code = "unknown_reference"
    default_detail = "The request names something that does not exist."


class TeamCycle(Unprocessable):
    code = "team_cycle"
    default_detail = "A team cannot be below itself."


class ScheduleInvalid(Unprocessable):
    code = "schedule_invalid"
    default_detail = "The event cannot take place like that."


class TooManyOccurrences(Unprocessable):
    code = "too_many_occurrences"
    default_detail = "There are too many occurrences. Ask for a shorter time, or for less."


class TaskCycle(Unprocessable):
    code = "task_cycle"
    default_detail = "A task cannot be a part of itself."


class TooManyRequests(ServiceError):
    code = "rate_limited"
    default_detail = "Too many requests. Wait, then try again."

    def __init__(self, wait: int) -> None:
        super().__init__()
        self.retry_after = wait


class Unavailable(ServiceError):
    code = "unavailable"
    default_detail = "The service cannot answer now. Try again."
    retry_after = 2


class TenantOutdated(Unavailable):
    code = "tenant_outdated"
    default_detail = "The tenant is being upgraded. Try again."
    retry_after = 10


class TenantMoving(Unavailable):
    code = "tenant_moving"
    default_detail = "The tenant is being moved to another server. Try again."
    retry_after = 2


class DatabaseUnavailable(Unavailable):
    code = "database_unavailable"
    default_detail = "The database cannot be reached now. Try again."
    retry_after = 1


class StorageUnavailable(Unavailable):
    code = "storage_unavailable"
    default_detail = "The files' storage cannot be reached now, or is full. Try again."
    retry_after = 5


class Overloaded(Unavailable):
    code = "overloaded"
    default_detail = "The service is busy. Try again."
    retry_after = 1
