-- revision: 0011
-- Made by `make schema` from the revisions. Do not edit.

CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL, 
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

-- Running upgrade  -> 0001

CREATE TABLE audit_chain (
    id SMALLINT NOT NULL, 
    seq BIGINT NOT NULL, 
    hash BYTEA NOT NULL, 
    CONSTRAINT pk_audit_chain PRIMARY KEY (id), 
    CONSTRAINT ck_audit_chain_single_row CHECK (id = 1), 
    CONSTRAINT ck_audit_chain_hash_length CHECK (octet_length(hash) = 32), 
    CONSTRAINT ck_audit_chain_seq_not_negative CHECK (seq >= 0)
);

CREATE TABLE audit_logs (
    id UUID NOT NULL, 
    seq BIGINT NOT NULL, 
    occurred_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    action TEXT NOT NULL, 
    actor_type TEXT NOT NULL, 
    actor_id UUID, 
    actor_name TEXT, 
    target_type TEXT, 
    target_id TEXT, 
    target_name TEXT, 
    changes JSONB NOT NULL, 
    outcome TEXT NOT NULL, 
    ip_address TEXT, 
    user_agent TEXT, 
    request_id TEXT, 
    session_id UUID, 
    prev_hash BYTEA NOT NULL, 
    hash BYTEA NOT NULL, 
    CONSTRAINT pk_audit_logs PRIMARY KEY (id), 
    CONSTRAINT ck_audit_logs_actor_type_allowed CHECK (actor_type IN ('user', 'api_key', 'platform', 'system', 'anonymous')), 
    CONSTRAINT ck_audit_logs_changes_array CHECK (jsonb_typeof(changes) = 'array'), 
    CONSTRAINT ck_audit_logs_outcome_allowed CHECK (outcome IN ('success', 'failure')), 
    CONSTRAINT ck_audit_logs_action_length CHECK (char_length(action) <= 128), 
    CONSTRAINT ck_audit_logs_actor_name_length CHECK (char_length(actor_name) <= 254), 
    CONSTRAINT ck_audit_logs_ip_address_length CHECK (char_length(ip_address) <= 45), 
    CONSTRAINT ck_audit_logs_request_id_length CHECK (char_length(request_id) <= 128), 
    CONSTRAINT ck_audit_logs_target_id_length CHECK (char_length(target_id) <= 255), 
    CONSTRAINT ck_audit_logs_target_name_length CHECK (char_length(target_name) <= 255), 
    CONSTRAINT ck_audit_logs_target_type_length CHECK (char_length(target_type) <= 64), 
    CONSTRAINT ck_audit_logs_user_agent_length CHECK (char_length(user_agent) <= 400), 
    CONSTRAINT ck_audit_logs_hash_length CHECK (octet_length(hash) = 32), 
    CONSTRAINT ck_audit_logs_prev_hash_length CHECK (octet_length(prev_hash) = 32), 
    CONSTRAINT ck_audit_logs_seq_positive CHECK (seq >= 1), 
    CONSTRAINT uq_audit_logs_prev_hash UNIQUE (prev_hash), 
    CONSTRAINT uq_audit_logs_seq UNIQUE (seq)
);

CREATE INDEX ix_audit_logs_action_seq ON audit_logs (action text_pattern_ops, seq);

CREATE INDEX ix_audit_logs_actor_id_seq ON audit_logs (actor_id, seq);

CREATE INDEX ix_audit_logs_occurred_at ON audit_logs (occurred_at);

CREATE INDEX ix_audit_logs_request_id ON audit_logs (request_id);

CREATE INDEX ix_audit_logs_target_type_target_id_seq ON audit_logs (target_type, target_id, seq);

CREATE TABLE idempotency_keys (
    caller UUID NOT NULL, 
    route TEXT NOT NULL, 
    key TEXT NOT NULL, 
    request_digest BYTEA NOT NULL, 
    status INTEGER NOT NULL, 
    headers TEXT DEFAULT '{}' NOT NULL, 
    body BYTEA NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    CONSTRAINT pk_idempotency_keys PRIMARY KEY (caller, route, key), 
    CONSTRAINT ck_idempotency_keys_headers_length CHECK (char_length(headers) <= 4000), 
    CONSTRAINT ck_idempotency_keys_key_length CHECK (char_length(key) <= 255), 
    CONSTRAINT ck_idempotency_keys_route_length CHECK (char_length(route) <= 200)
);

CREATE INDEX ix_idempotency_keys_created_at ON idempotency_keys (created_at);

CREATE TABLE permissions (
    name TEXT NOT NULL, 
    module TEXT NOT NULL, 
    description TEXT NOT NULL, 
    CONSTRAINT pk_permissions PRIMARY KEY (name), 
    CONSTRAINT ck_permissions_description_length CHECK (char_length(description) <= 200), 
    CONSTRAINT ck_permissions_module_length CHECK (char_length(module) <= 32), 
    CONSTRAINT ck_permissions_name_length CHECK (char_length(name) <= 64)
);

CREATE TABLE roles (
    id UUID NOT NULL, 
    name TEXT NOT NULL, 
    description TEXT DEFAULT '' NOT NULL, 
    is_system BOOLEAN DEFAULT false NOT NULL, 
    rank INTEGER DEFAULT '0' NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    version INTEGER DEFAULT '1' NOT NULL, 
    CONSTRAINT pk_roles PRIMARY KEY (id), 
    CONSTRAINT ck_roles_description_length CHECK (char_length(description) <= 500), 
    CONSTRAINT ck_roles_name_length CHECK (char_length(name) <= 64)
);

CREATE INDEX ix_roles_created_at_id ON roles (created_at, id);

CREATE UNIQUE INDEX uq_roles_name ON roles (lower(name));

CREATE TABLE teams (
    id UUID NOT NULL, 
    name TEXT NOT NULL, 
    description TEXT DEFAULT '' NOT NULL, 
    parent_id UUID, 
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    version INTEGER DEFAULT '1' NOT NULL, 
    CONSTRAINT pk_teams PRIMARY KEY (id), 
    CONSTRAINT ck_teams_description_length CHECK (char_length(description) <= 500), 
    CONSTRAINT ck_teams_name_length CHECK (char_length(name) <= 100), 
    CONSTRAINT ck_teams_not_its_own_parent CHECK (parent_id <> id), 
    CONSTRAINT fk_teams_parent_id FOREIGN KEY(parent_id) REFERENCES teams (id) ON DELETE SET NULL
);

CREATE INDEX ix_teams_created_at_id ON teams (created_at, id);

CREATE INDEX ix_teams_parent_id ON teams (parent_id);

CREATE UNIQUE INDEX uq_teams_name ON teams (lower(name));

CREATE TABLE users (
    id UUID NOT NULL, 
    email TEXT NOT NULL, 
    email_normalized TEXT NOT NULL, 
    username TEXT NOT NULL, 
    username_normalized TEXT NOT NULL, 
    password_hash TEXT, 
    full_name TEXT, 
    phone TEXT, 
    locale TEXT DEFAULT 'en' NOT NULL, 
    timezone TEXT DEFAULT 'UTC' NOT NULL, 
    avatar_url TEXT, 
    is_active BOOLEAN DEFAULT true NOT NULL, 
    is_verified BOOLEAN DEFAULT false NOT NULL, 
    mfa_enabled BOOLEAN DEFAULT false NOT NULL, 
    password_changed_at TIMESTAMP WITH TIME ZONE, 
    last_login_at TIMESTAMP WITH TIME ZONE, 
    deleted_at TIMESTAMP WITH TIME ZONE, 
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    version INTEGER DEFAULT '1' NOT NULL, 
    CONSTRAINT pk_users PRIMARY KEY (id), 
    CONSTRAINT ck_users_avatar_url_length CHECK (char_length(avatar_url) <= 2048), 
    CONSTRAINT ck_users_email_length CHECK (char_length(email) <= 254), 
    CONSTRAINT ck_users_email_normalized_length CHECK (char_length(email_normalized) <= 1000), 
    CONSTRAINT ck_users_full_name_length CHECK (char_length(full_name) <= 200), 
    CONSTRAINT ck_users_locale_length CHECK (char_length(locale) <= 35), 
    CONSTRAINT ck_users_phone_length CHECK (char_length(phone) <= 32), 
    CONSTRAINT ck_users_timezone_length CHECK (char_length(timezone) <= 64), 
    CONSTRAINT ck_users_username_length CHECK (char_length(username) <= 64), 
    CONSTRAINT ck_users_username_normalized_length CHECK (char_length(username_normalized) <= 64)
);

CREATE INDEX ix_users_created_at_id ON users (created_at, id) WHERE deleted_at IS NULL;

CREATE INDEX ix_users_updated_at_id ON users (updated_at, id) WHERE deleted_at IS NULL;

CREATE UNIQUE INDEX uq_users_email_normalized ON users (email_normalized) WHERE deleted_at IS NULL;

CREATE UNIQUE INDEX uq_users_username_normalized ON users (username_normalized) WHERE deleted_at IS NULL;

CREATE TABLE api_keys (
    id UUID NOT NULL, 
    user_id UUID NOT NULL, 
    name TEXT NOT NULL, 
    prefix TEXT NOT NULL, 
    digest BYTEA NOT NULL, 
    permissions TEXT[] NOT NULL, 
    allowed_cidrs TEXT[] DEFAULT '{}' NOT NULL, 
    expires_at TIMESTAMP WITH TIME ZONE, 
    last_used_at TIMESTAMP WITH TIME ZONE, 
    revoked_at TIMESTAMP WITH TIME ZONE, 
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    version INTEGER DEFAULT '1' NOT NULL, 
    CONSTRAINT pk_api_keys PRIMARY KEY (id), 
    CONSTRAINT ck_api_keys_name_length CHECK (char_length(name) <= 100), 
    CONSTRAINT ck_api_keys_prefix_length CHECK (char_length(prefix) <= 16), 
    CONSTRAINT fk_api_keys_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE, 
    CONSTRAINT uq_api_keys_digest UNIQUE (digest)
);

CREATE INDEX ix_api_keys_created_at_id ON api_keys (created_at, id);

CREATE INDEX ix_api_keys_user_id ON api_keys (user_id);

CREATE TABLE attachments (
    id UUID NOT NULL, 
    parent_type TEXT, 
    parent_id UUID, 
    file_name TEXT NOT NULL, 
    media_type TEXT NOT NULL, 
    size_bytes BIGINT NOT NULL, 
    sha256 BYTEA NOT NULL, 
    description TEXT DEFAULT '' NOT NULL, 
    created_by UUID, 
    deleted_at TIMESTAMP WITH TIME ZONE, 
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    version INTEGER DEFAULT '1' NOT NULL, 
    CONSTRAINT pk_attachments PRIMARY KEY (id), 
    CONSTRAINT ck_attachments_parent_type_allowed CHECK (parent_type IN ('note', 'task', 'call', 'event', 'review')), 
    CONSTRAINT ck_attachments_parent_whole CHECK ((parent_type IS NULL) = (parent_id IS NULL)), 
    CONSTRAINT ck_attachments_description_length CHECK (char_length(description) <= 500), 
    CONSTRAINT ck_attachments_file_name_length CHECK (char_length(file_name) <= 255), 
    CONSTRAINT ck_attachments_media_type_length CHECK (char_length(media_type) <= 127), 
    CONSTRAINT ck_attachments_sha256_length CHECK (octet_length(sha256) = 32), 
    CONSTRAINT ck_attachments_size_not_negative CHECK (size_bytes >= 0), 
    CONSTRAINT fk_attachments_created_by FOREIGN KEY(created_by) REFERENCES users (id) ON DELETE SET NULL
);

CREATE INDEX ix_attachments_created_at_id ON attachments (created_at, id) WHERE deleted_at IS NULL;

CREATE INDEX ix_attachments_created_by_created_at_id ON attachments (created_by, created_at, id) WHERE deleted_at IS NULL;

CREATE INDEX ix_attachments_parent_type_parent_id_created_at_id ON attachments (parent_type, parent_id, created_at, id) WHERE deleted_at IS NULL;

CREATE INDEX ix_attachments_sha256 ON attachments (sha256);

CREATE INDEX ix_attachments_updated_at_id ON attachments (updated_at, id) WHERE deleted_at IS NULL;

CREATE TABLE email_verification_tokens (
    id UUID NOT NULL, 
    email TEXT NOT NULL, 
    user_id UUID NOT NULL, 
    digest BYTEA NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    used_at TIMESTAMP WITH TIME ZONE, 
    CONSTRAINT pk_email_verification_tokens PRIMARY KEY (id), 
    CONSTRAINT ck_email_verification_tokens_email_length CHECK (char_length(email) <= 254), 
    CONSTRAINT fk_email_verification_tokens_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE, 
    CONSTRAINT uq_email_verification_tokens_digest UNIQUE (digest)
);

CREATE INDEX ix_email_verification_tokens_user_id ON email_verification_tokens (user_id);

CREATE TABLE events (
    id UUID NOT NULL, 
    title TEXT NOT NULL, 
    description TEXT DEFAULT '' NOT NULL, 
    location TEXT, 
    starts_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    ends_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    all_day BOOLEAN DEFAULT false NOT NULL, 
    timezone TEXT DEFAULT 'UTC' NOT NULL, 
    rrule TEXT, 
    exdates TIMESTAMP WITH TIME ZONE[] DEFAULT '{}' NOT NULL, 
    status TEXT DEFAULT 'confirmed' NOT NULL, 
    join_url TEXT, 
    created_by UUID, 
    deleted_at TIMESTAMP WITH TIME ZONE, 
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    version INTEGER DEFAULT '1' NOT NULL, 
    CONSTRAINT pk_events PRIMARY KEY (id), 
    CONSTRAINT ck_events_status_allowed CHECK (status IN ('confirmed', 'tentative', 'cancelled')), 
    CONSTRAINT ck_events_exdates_not_null CHECK (array_position(exdates, NULL) IS NULL), 
    CONSTRAINT ck_events_exdates_count CHECK (cardinality(exdates) <= 500), 
    CONSTRAINT ck_events_description_length CHECK (char_length(description) <= 20000), 
    CONSTRAINT ck_events_join_url_length CHECK (char_length(join_url) <= 2048), 
    CONSTRAINT ck_events_location_length CHECK (char_length(location) <= 500), 
    CONSTRAINT ck_events_rrule_length CHECK (char_length(rrule) <= 500), 
    CONSTRAINT ck_events_timezone_length CHECK (char_length(timezone) <= 64), 
    CONSTRAINT ck_events_title_length CHECK (char_length(title) <= 200), 
    CONSTRAINT ck_events_ends_after_start CHECK (ends_at >= starts_at), 
    CONSTRAINT fk_events_created_by FOREIGN KEY(created_by) REFERENCES users (id) ON DELETE SET NULL
);

CREATE INDEX ix_events_created_at_id ON events (created_at, id) WHERE deleted_at IS NULL;

CREATE INDEX ix_events_created_by_created_at_id ON events (created_by, created_at, id) WHERE deleted_at IS NULL;

CREATE INDEX ix_events_ends_at_id ON events (ends_at, id) WHERE deleted_at IS NULL;

CREATE INDEX ix_events_recurring ON events (starts_at) WHERE rrule IS NOT NULL AND deleted_at IS NULL;

CREATE INDEX ix_events_starts_at_id ON events (starts_at, id) WHERE deleted_at IS NULL;

CREATE INDEX ix_events_updated_at_id ON events (updated_at, id) WHERE deleted_at IS NULL;

CREATE TABLE log_calls (
    id UUID NOT NULL, 
    direction TEXT NOT NULL, 
    status TEXT NOT NULL, 
    phone_number TEXT, 
    contact_name TEXT, 
    contact_ref TEXT, 
    started_at TIMESTAMP WITH TIME ZONE, 
    ended_at TIMESTAMP WITH TIME ZONE, 
    duration_seconds INTEGER, 
    outcome TEXT, 
    notes TEXT DEFAULT '' NOT NULL, 
    recording_url TEXT, 
    external_id TEXT, 
    created_by UUID, 
    deleted_at TIMESTAMP WITH TIME ZONE, 
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    version INTEGER DEFAULT '1' NOT NULL, 
    CONSTRAINT pk_log_calls PRIMARY KEY (id), 
    CONSTRAINT ck_log_calls_direction_allowed CHECK (direction IN ('inbound', 'outbound')), 
    CONSTRAINT ck_log_calls_phone_number_e164 CHECK (phone_number ~ '^[+][1-9][0-9]{1,14}$'), 
    CONSTRAINT ck_log_calls_status_allowed CHECK (status IN ('planned', 'completed', 'missed', 'no_answer', 'busy', 'failed', 'cancelled')), 
    CONSTRAINT ck_log_calls_contact_name_length CHECK (char_length(contact_name) <= 200), 
    CONSTRAINT ck_log_calls_contact_ref_length CHECK (char_length(contact_ref) <= 128), 
    CONSTRAINT ck_log_calls_external_id_length CHECK (char_length(external_id) <= 128), 
    CONSTRAINT ck_log_calls_notes_length CHECK (char_length(notes) <= 20000), 
    CONSTRAINT ck_log_calls_outcome_length CHECK (char_length(outcome) <= 500), 
    CONSTRAINT ck_log_calls_recording_url_length CHECK (char_length(recording_url) <= 2048), 
    CONSTRAINT ck_log_calls_duration_not_negative CHECK (duration_seconds >= 0), 
    CONSTRAINT ck_log_calls_ends_after_start CHECK (ended_at >= started_at), 
    CONSTRAINT fk_log_calls_created_by FOREIGN KEY(created_by) REFERENCES users (id) ON DELETE SET NULL
);

CREATE INDEX ix_log_calls_created_at_id ON log_calls (created_at, id) WHERE deleted_at IS NULL;

CREATE INDEX ix_log_calls_created_by_created_at_id ON log_calls (created_by, created_at, id) WHERE deleted_at IS NULL;

CREATE INDEX ix_log_calls_phone_number_created_at_id ON log_calls (phone_number, created_at, id) WHERE deleted_at IS NULL;

CREATE INDEX ix_log_calls_started_at_id ON log_calls (started_at, id) WHERE deleted_at IS NULL;

CREATE INDEX ix_log_calls_status_created_at_id ON log_calls (status, created_at, id) WHERE deleted_at IS NULL;

CREATE INDEX ix_log_calls_updated_at_id ON log_calls (updated_at, id) WHERE deleted_at IS NULL;

CREATE UNIQUE INDEX uq_log_calls_external_id ON log_calls (external_id) WHERE deleted_at IS NULL;

CREATE TABLE notes (
    id UUID NOT NULL, 
    title TEXT NOT NULL, 
    content TEXT DEFAULT '' NOT NULL, 
    is_pinned BOOLEAN DEFAULT false NOT NULL, 
    is_private BOOLEAN DEFAULT false NOT NULL, 
    color TEXT, 
    created_by UUID, 
    deleted_at TIMESTAMP WITH TIME ZONE, 
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    version INTEGER DEFAULT '1' NOT NULL, 
    tags TEXT[] DEFAULT '{}' NOT NULL, 
    CONSTRAINT pk_notes PRIMARY KEY (id), 
    CONSTRAINT ck_notes_tags_length CHECK (char_length(array_to_string(tags, '')) <= 640), 
    CONSTRAINT ck_notes_tags_not_null CHECK (array_position(tags, NULL) IS NULL), 
    CONSTRAINT ck_notes_tags_count CHECK (cardinality(tags) <= 20), 
    CONSTRAINT ck_notes_color_length CHECK (char_length(color) <= 32), 
    CONSTRAINT ck_notes_content_length CHECK (char_length(content) <= 100000), 
    CONSTRAINT ck_notes_title_length CHECK (char_length(title) <= 200), 
    CONSTRAINT fk_notes_created_by FOREIGN KEY(created_by) REFERENCES users (id) ON DELETE SET NULL
);

CREATE INDEX ix_notes_created_at_id ON notes (created_at, id) WHERE deleted_at IS NULL;

CREATE INDEX ix_notes_created_by_created_at_id ON notes (created_by, created_at, id) WHERE deleted_at IS NULL;

CREATE INDEX ix_notes_tags ON notes USING gin (tags) WHERE deleted_at IS NULL;

CREATE INDEX ix_notes_updated_at_id ON notes (updated_at, id) WHERE deleted_at IS NULL;

CREATE TABLE password_reset_tokens (
    id UUID NOT NULL, 
    user_id UUID NOT NULL, 
    digest BYTEA NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    used_at TIMESTAMP WITH TIME ZONE, 
    CONSTRAINT pk_password_reset_tokens PRIMARY KEY (id), 
    CONSTRAINT fk_password_reset_tokens_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE, 
    CONSTRAINT uq_password_reset_tokens_digest UNIQUE (digest)
);

CREATE INDEX ix_password_reset_tokens_user_id ON password_reset_tokens (user_id);

CREATE TABLE reviews (
    id UUID NOT NULL, 
    subject_type TEXT NOT NULL, 
    subject_id TEXT NOT NULL, 
    rating SMALLINT NOT NULL, 
    title TEXT, 
    body TEXT DEFAULT '' NOT NULL, 
    reviewer_name TEXT, 
    reviewer_email TEXT, 
    status TEXT DEFAULT 'pending' NOT NULL, 
    is_verified BOOLEAN DEFAULT false NOT NULL, 
    reply TEXT, 
    replied_at TIMESTAMP WITH TIME ZONE, 
    source TEXT, 
    created_by UUID, 
    deleted_at TIMESTAMP WITH TIME ZONE, 
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    version INTEGER DEFAULT '1' NOT NULL, 
    CONSTRAINT pk_reviews PRIMARY KEY (id), 
    CONSTRAINT ck_reviews_status_allowed CHECK (status IN ('pending', 'approved', 'rejected', 'spam')), 
    CONSTRAINT ck_reviews_replied_at_if_reply CHECK ((reply IS NULL) = (replied_at IS NULL)), 
    CONSTRAINT ck_reviews_body_length CHECK (char_length(body) <= 10000), 
    CONSTRAINT ck_reviews_reply_length CHECK (char_length(reply) <= 10000), 
    CONSTRAINT ck_reviews_reviewer_email_length CHECK (char_length(reviewer_email) <= 254), 
    CONSTRAINT ck_reviews_reviewer_name_length CHECK (char_length(reviewer_name) <= 200), 
    CONSTRAINT ck_reviews_source_length CHECK (char_length(source) <= 64), 
    CONSTRAINT ck_reviews_subject_id_length CHECK (char_length(subject_id) <= 128), 
    CONSTRAINT ck_reviews_subject_type_length CHECK (char_length(subject_type) <= 64), 
    CONSTRAINT ck_reviews_title_length CHECK (char_length(title) <= 200), 
    CONSTRAINT ck_reviews_rating_range CHECK (rating BETWEEN 1 AND 5), 
    CONSTRAINT fk_reviews_created_by FOREIGN KEY(created_by) REFERENCES users (id) ON DELETE SET NULL
);

CREATE INDEX ix_reviews_created_at_id ON reviews (created_at, id) WHERE deleted_at IS NULL;

CREATE INDEX ix_reviews_created_by_created_at_id ON reviews (created_by, created_at, id) WHERE deleted_at IS NULL;

CREATE INDEX ix_reviews_status_created_at_id ON reviews (status, created_at, id) WHERE deleted_at IS NULL;

CREATE INDEX ix_reviews_subject_type_subject_id_status_created_at_id ON reviews (subject_type, subject_id, status, created_at, id) WHERE deleted_at IS NULL;

CREATE INDEX ix_reviews_updated_at_id ON reviews (updated_at, id) WHERE deleted_at IS NULL;

CREATE TABLE role_permissions (
    role_id UUID NOT NULL, 
    permission TEXT NOT NULL, 
    level TEXT DEFAULT 'all' NOT NULL, 
    CONSTRAINT pk_role_permissions PRIMARY KEY (role_id, permission), 
    CONSTRAINT ck_role_permissions_level_allowed CHECK (level IN ('own', 'team', 'all')), 
    CONSTRAINT fk_role_permissions_permission FOREIGN KEY(permission) REFERENCES permissions (name) ON DELETE CASCADE, 
    CONSTRAINT fk_role_permissions_role_id FOREIGN KEY(role_id) REFERENCES roles (id) ON DELETE CASCADE
);

CREATE INDEX ix_role_permissions_permission ON role_permissions (permission);

CREATE TABLE settings (
    id UUID NOT NULL, 
    key TEXT NOT NULL, 
    value_type TEXT NOT NULL, 
    value JSONB, 
    secret_value BYTEA, 
    description TEXT DEFAULT '' NOT NULL, 
    is_public BOOLEAN DEFAULT false NOT NULL, 
    updated_by UUID, 
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    version INTEGER DEFAULT '1' NOT NULL, 
    CONSTRAINT pk_settings PRIMARY KEY (id), 
    CONSTRAINT ck_settings_secret_value_if_secret CHECK ((value_type = 'secret') = (secret_value IS NOT NULL)), 
    CONSTRAINT ck_settings_value_unless_secret CHECK ((value_type = 'secret') = (value IS NULL)), 
    CONSTRAINT ck_settings_value_has_its_type CHECK (CASE value_type
    WHEN 'string' THEN jsonb_typeof(value) = 'string'
    WHEN 'integer' THEN value::text ~ '^-?[0-9]+$'
    WHEN 'number' THEN jsonb_typeof(value) = 'number'
    WHEN 'boolean' THEN jsonb_typeof(value) = 'boolean'
    ELSE true
END), 
    CONSTRAINT ck_settings_secret_is_not_public CHECK (NOT (is_public AND value_type = 'secret')), 
    CONSTRAINT ck_settings_key_form CHECK (key ~ '^[a-z][a-z0-9_.-]{0,127}$'), 
    CONSTRAINT ck_settings_value_type_allowed CHECK (value_type IN ('string', 'integer', 'number', 'boolean', 'json', 'secret')), 
    CONSTRAINT ck_settings_description_length CHECK (char_length(description) <= 500), 
    CONSTRAINT ck_settings_secret_value_length CHECK (octet_length(secret_value) <= 65536), 
    CONSTRAINT ck_settings_value_length CHECK (octet_length(value::text) <= 65536), 
    CONSTRAINT fk_settings_updated_by FOREIGN KEY(updated_by) REFERENCES users (id) ON DELETE SET NULL, 
    CONSTRAINT uq_settings_key UNIQUE (key)
);

CREATE INDEX ix_settings_created_at_id ON settings (created_at, id);

CREATE INDEX ix_settings_public_key ON settings (key) WHERE is_public;

CREATE INDEX ix_settings_updated_at_id ON settings (updated_at, id);

CREATE TABLE tasks (
    id UUID NOT NULL, 
    title TEXT NOT NULL, 
    description TEXT DEFAULT '' NOT NULL, 
    status TEXT DEFAULT 'todo' NOT NULL, 
    priority TEXT DEFAULT 'medium' NOT NULL, 
    assignee_id UUID, 
    team_id UUID, 
    parent_id UUID, 
    start_at TIMESTAMP WITH TIME ZONE, 
    due_at TIMESTAMP WITH TIME ZONE, 
    completed_at TIMESTAMP WITH TIME ZONE, 
    position DOUBLE PRECISION DEFAULT '0' NOT NULL, 
    recurrence TEXT, 
    created_by UUID, 
    deleted_at TIMESTAMP WITH TIME ZONE, 
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    version INTEGER DEFAULT '1' NOT NULL, 
    tags TEXT[] DEFAULT '{}' NOT NULL, 
    CONSTRAINT pk_tasks PRIMARY KEY (id), 
    CONSTRAINT ck_tasks_completed_if_done CHECK ((status = 'done') = (completed_at IS NOT NULL)), 
    CONSTRAINT ck_tasks_tags_length CHECK (char_length(array_to_string(tags, '')) <= 640), 
    CONSTRAINT ck_tasks_position_finite CHECK (position > '-Infinity' AND position < 'Infinity'), 
    CONSTRAINT ck_tasks_priority_allowed CHECK (priority IN ('low', 'medium', 'high', 'urgent')), 
    CONSTRAINT ck_tasks_status_allowed CHECK (status IN ('todo', 'in_progress', 'blocked', 'done', 'cancelled')), 
    CONSTRAINT ck_tasks_tags_not_null CHECK (array_position(tags, NULL) IS NULL), 
    CONSTRAINT ck_tasks_tags_count CHECK (cardinality(tags) <= 20), 
    CONSTRAINT ck_tasks_description_length CHECK (char_length(description) <= 20000), 
    CONSTRAINT ck_tasks_recurrence_length CHECK (char_length(recurrence) <= 500), 
    CONSTRAINT ck_tasks_title_length CHECK (char_length(title) <= 200), 
    CONSTRAINT ck_tasks_not_its_own_parent CHECK (parent_id <> id), 
    CONSTRAINT ck_tasks_starts_before_due CHECK (start_at <= due_at), 
    CONSTRAINT fk_tasks_assignee_id FOREIGN KEY(assignee_id) REFERENCES users (id) ON DELETE SET NULL, 
    CONSTRAINT fk_tasks_created_by FOREIGN KEY(created_by) REFERENCES users (id) ON DELETE SET NULL, 
    CONSTRAINT fk_tasks_parent_id FOREIGN KEY(parent_id) REFERENCES tasks (id) ON DELETE SET NULL, 
    CONSTRAINT fk_tasks_team_id FOREIGN KEY(team_id) REFERENCES teams (id) ON DELETE SET NULL
);

CREATE INDEX ix_tasks_assignee_id_due_at_id ON tasks (assignee_id, due_at, id) WHERE deleted_at IS NULL;

CREATE INDEX ix_tasks_created_at_id ON tasks (created_at, id) WHERE deleted_at IS NULL;

CREATE INDEX ix_tasks_created_by_created_at_id ON tasks (created_by, created_at, id) WHERE deleted_at IS NULL;

CREATE INDEX ix_tasks_due_at_id ON tasks (due_at, id) WHERE deleted_at IS NULL;

CREATE INDEX ix_tasks_parent_id ON tasks (parent_id);

CREATE INDEX ix_tasks_status_position_id ON tasks (status, position, id) WHERE deleted_at IS NULL;

CREATE INDEX ix_tasks_tags ON tasks USING gin (tags) WHERE deleted_at IS NULL;

CREATE INDEX ix_tasks_team_id_created_at_id ON tasks (team_id, created_at, id) WHERE deleted_at IS NULL;

CREATE INDEX ix_tasks_updated_at_id ON tasks (updated_at, id) WHERE deleted_at IS NULL;

CREATE TABLE team_members (
    team_id UUID NOT NULL, 
    user_id UUID NOT NULL, 
    role TEXT DEFAULT 'member' NOT NULL, 
    joined_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    CONSTRAINT pk_team_members PRIMARY KEY (team_id, user_id), 
    CONSTRAINT ck_team_members_role_allowed CHECK (role IN ('lead', 'member')), 
    CONSTRAINT fk_team_members_team_id FOREIGN KEY(team_id) REFERENCES teams (id) ON DELETE CASCADE, 
    CONSTRAINT fk_team_members_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);

CREATE INDEX ix_team_members_user_id ON team_members (user_id);

CREATE TABLE team_roles (
    team_id UUID NOT NULL, 
    role_id UUID NOT NULL, 
    CONSTRAINT pk_team_roles PRIMARY KEY (team_id, role_id), 
    CONSTRAINT fk_team_roles_role_id FOREIGN KEY(role_id) REFERENCES roles (id) ON DELETE CASCADE, 
    CONSTRAINT fk_team_roles_team_id FOREIGN KEY(team_id) REFERENCES teams (id) ON DELETE CASCADE
);

CREATE INDEX ix_team_roles_role_id ON team_roles (role_id);

CREATE TABLE user_permissions (
    user_id UUID NOT NULL, 
    permission TEXT NOT NULL, 
    effect TEXT DEFAULT 'allow' NOT NULL, 
    level TEXT DEFAULT 'all' NOT NULL, 
    granted_by UUID, 
    granted_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    CONSTRAINT pk_user_permissions PRIMARY KEY (user_id, permission), 
    CONSTRAINT ck_user_permissions_effect_allowed CHECK (effect IN ('allow', 'deny')), 
    CONSTRAINT ck_user_permissions_level_allowed CHECK (level IN ('own', 'team', 'all')), 
    CONSTRAINT fk_user_permissions_granted_by FOREIGN KEY(granted_by) REFERENCES users (id) ON DELETE SET NULL, 
    CONSTRAINT fk_user_permissions_permission FOREIGN KEY(permission) REFERENCES permissions (name) ON DELETE CASCADE, 
    CONSTRAINT fk_user_permissions_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);

CREATE INDEX ix_user_permissions_permission ON user_permissions (permission);

CREATE TABLE user_roles (
    user_id UUID NOT NULL, 
    role_id UUID NOT NULL, 
    granted_by UUID, 
    granted_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    CONSTRAINT pk_user_roles PRIMARY KEY (user_id, role_id), 
    CONSTRAINT fk_user_roles_granted_by FOREIGN KEY(granted_by) REFERENCES users (id) ON DELETE SET NULL, 
    CONSTRAINT fk_user_roles_role_id FOREIGN KEY(role_id) REFERENCES roles (id) ON DELETE CASCADE, 
    CONSTRAINT fk_user_roles_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);

CREATE INDEX ix_user_roles_role_id ON user_roles (role_id);

CREATE TABLE user_sessions (
    id UUID NOT NULL, 
    user_id UUID NOT NULL, 
    generation INTEGER DEFAULT '0' NOT NULL, 
    refresh_digest BYTEA NOT NULL, 
    rotated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    last_used_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    idle_expires_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    revoked_at TIMESTAMP WITH TIME ZONE, 
    revoked_reason TEXT, 
    ip_address TEXT, 
    user_agent TEXT, 
    CONSTRAINT pk_user_sessions PRIMARY KEY (id), 
    CONSTRAINT ck_user_sessions_ip_address_length CHECK (char_length(ip_address) <= 45), 
    CONSTRAINT ck_user_sessions_revoked_reason_length CHECK (char_length(revoked_reason) <= 64), 
    CONSTRAINT ck_user_sessions_user_agent_length CHECK (char_length(user_agent) <= 400), 
    CONSTRAINT fk_user_sessions_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);

CREATE INDEX ix_user_sessions_expires_at ON user_sessions (expires_at);

CREATE INDEX ix_user_sessions_user_id_created_at ON user_sessions (user_id, created_at);

CREATE TABLE attachment_links (
    record_id UUID NOT NULL, 
    link_type TEXT NOT NULL, 
    link_id TEXT NOT NULL, 
    CONSTRAINT pk_attachment_links PRIMARY KEY (record_id, link_type, link_id), 
    CONSTRAINT ck_attachment_links_link_id_length CHECK (char_length(link_id) <= 128), 
    CONSTRAINT ck_attachment_links_link_type_length CHECK (char_length(link_type) <= 64), 
    CONSTRAINT fk_attachment_links_record_id FOREIGN KEY(record_id) REFERENCES attachments (id) ON DELETE CASCADE
);

CREATE INDEX ix_attachment_links_link_type_link_id ON attachment_links (link_type, link_id);

CREATE TABLE event_attendees (
    id UUID NOT NULL, 
    event_id UUID NOT NULL, 
    user_id UUID, 
    email TEXT, 
    response TEXT DEFAULT 'needs_action' NOT NULL, 
    responded_at TIMESTAMP WITH TIME ZONE, 
    CONSTRAINT pk_event_attendees PRIMARY KEY (id), 
    CONSTRAINT ck_event_attendees_response_allowed CHECK (response IN ('needs_action', 'accepted', 'declined', 'tentative')), 
    CONSTRAINT ck_event_attendees_user_or_email CHECK ((user_id IS NULL) <> (email IS NULL)), 
    CONSTRAINT ck_event_attendees_email_length CHECK (char_length(email) <= 254), 
    CONSTRAINT fk_event_attendees_event_id FOREIGN KEY(event_id) REFERENCES events (id) ON DELETE CASCADE, 
    CONSTRAINT fk_event_attendees_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);

CREATE INDEX ix_event_attendees_user_id ON event_attendees (user_id);

CREATE UNIQUE INDEX uq_event_attendees_event_id_email ON event_attendees (event_id, lower(email));

CREATE UNIQUE INDEX uq_event_attendees_event_id_user_id ON event_attendees (event_id, user_id);

CREATE TABLE event_links (
    record_id UUID NOT NULL, 
    link_type TEXT NOT NULL, 
    link_id TEXT NOT NULL, 
    CONSTRAINT pk_event_links PRIMARY KEY (record_id, link_type, link_id), 
    CONSTRAINT ck_event_links_link_id_length CHECK (char_length(link_id) <= 128), 
    CONSTRAINT ck_event_links_link_type_length CHECK (char_length(link_type) <= 64), 
    CONSTRAINT fk_event_links_record_id FOREIGN KEY(record_id) REFERENCES events (id) ON DELETE CASCADE
);

CREATE INDEX ix_event_links_link_type_link_id ON event_links (link_type, link_id);

CREATE TABLE log_call_links (
    record_id UUID NOT NULL, 
    link_type TEXT NOT NULL, 
    link_id TEXT NOT NULL, 
    CONSTRAINT pk_log_call_links PRIMARY KEY (record_id, link_type, link_id), 
    CONSTRAINT ck_log_call_links_link_id_length CHECK (char_length(link_id) <= 128), 
    CONSTRAINT ck_log_call_links_link_type_length CHECK (char_length(link_type) <= 64), 
    CONSTRAINT fk_log_call_links_record_id FOREIGN KEY(record_id) REFERENCES log_calls (id) ON DELETE CASCADE
);

CREATE INDEX ix_log_call_links_link_type_link_id ON log_call_links (link_type, link_id);

CREATE TABLE note_links (
    record_id UUID NOT NULL, 
    link_type TEXT NOT NULL, 
    link_id TEXT NOT NULL, 
    CONSTRAINT pk_note_links PRIMARY KEY (record_id, link_type, link_id), 
    CONSTRAINT ck_note_links_link_id_length CHECK (char_length(link_id) <= 128), 
    CONSTRAINT ck_note_links_link_type_length CHECK (char_length(link_type) <= 64), 
    CONSTRAINT fk_note_links_record_id FOREIGN KEY(record_id) REFERENCES notes (id) ON DELETE CASCADE
);

CREATE INDEX ix_note_links_link_type_link_id ON note_links (link_type, link_id);

CREATE TABLE review_links (
    record_id UUID NOT NULL, 
    link_type TEXT NOT NULL, 
    link_id TEXT NOT NULL, 
    CONSTRAINT pk_review_links PRIMARY KEY (record_id, link_type, link_id), 
    CONSTRAINT ck_review_links_link_id_length CHECK (char_length(link_id) <= 128), 
    CONSTRAINT ck_review_links_link_type_length CHECK (char_length(link_type) <= 64), 
    CONSTRAINT fk_review_links_record_id FOREIGN KEY(record_id) REFERENCES reviews (id) ON DELETE CASCADE
);

CREATE INDEX ix_review_links_link_type_link_id ON review_links (link_type, link_id);

CREATE TABLE task_links (
    record_id UUID NOT NULL, 
    link_type TEXT NOT NULL, 
    link_id TEXT NOT NULL, 
    CONSTRAINT pk_task_links PRIMARY KEY (record_id, link_type, link_id), 
    CONSTRAINT ck_task_links_link_id_length CHECK (char_length(link_id) <= 128), 
    CONSTRAINT ck_task_links_link_type_length CHECK (char_length(link_type) <= 64), 
    CONSTRAINT fk_task_links_record_id FOREIGN KEY(record_id) REFERENCES tasks (id) ON DELETE CASCADE
);

CREATE INDEX ix_task_links_link_type_link_id ON task_links (link_type, link_id);

INSERT INTO alembic_version (version_num) VALUES ('0001') RETURNING alembic_version.version_num;

-- Running upgrade 0001 -> 0002

INSERT INTO audit_chain (id, seq, hash) VALUES (1, 0, decode(repeat('00', 32), 'hex')) ON CONFLICT DO NOTHING;

CREATE FUNCTION audit_canonical(item audit_logs) RETURNS text
LANGUAGE sql STABLE SET search_path FROM CURRENT
AS $$
    SELECT jsonb_build_object(
        'seq', item.seq,
        'id', item.id,
        'occurred_at', to_char(item.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'action', item.action,
        'actor_type', item.actor_type,
        'actor_id', item.actor_id,
        'actor_name', item.actor_name,
        'target_type', item.target_type,
        'target_id', item.target_id,
        'target_name', item.target_name,
        'changes', item.changes,
        'outcome', item.outcome,
        'ip_address', item.ip_address,
        'user_agent', item.user_agent,
        'request_id', item.request_id,
        'session_id', item.session_id,
        'prev_hash', encode(item.prev_hash, 'hex')
    )::text
$$;

CREATE FUNCTION audit_append(entries jsonb) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT
AS $$
DECLARE
    head audit_chain;
    item audit_logs;
    entry jsonb;
    last_at timestamptz;
BEGIN
    SELECT * INTO STRICT head FROM audit_chain WHERE id = 1 FOR UPDATE;
    SELECT occurred_at INTO last_at FROM audit_logs WHERE seq = head.seq;
    FOR entry IN SELECT value FROM jsonb_array_elements(entries) LOOP
        item := jsonb_populate_record(NULL::audit_logs, entry);
        item.seq := head.seq + 1;
        item.occurred_at := greatest(clock_timestamp(), last_at + interval '1 microsecond');
        item.prev_hash := head.hash;
        item.hash := sha256(convert_to(audit_canonical(item), 'UTF8'));
        INSERT INTO audit_logs SELECT item.*;
        last_at := item.occurred_at;
        head.seq := item.seq;
        head.hash := item.hash;
    END LOOP;
    UPDATE audit_chain SET seq = head.seq, hash = head.hash WHERE id = 1;
    RETURN head.seq;
END
$$;

CREATE FUNCTION audit_refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
    RAISE EXCEPTION 'the audit log cannot be changed' USING ERRCODE = 'insufficient_privilege';
END
$$;

CREATE TRIGGER audit_logs_refuse_change BEFORE UPDATE OR DELETE ON audit_logs FOR EACH ROW EXECUTE FUNCTION audit_refuse_change();

CREATE TRIGGER audit_logs_refuse_truncate BEFORE TRUNCATE ON audit_logs FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();

ALTER TABLE audit_logs ENABLE ALWAYS TRIGGER audit_logs_refuse_change;

ALTER TABLE audit_logs ENABLE ALWAYS TRIGGER audit_logs_refuse_truncate;

UPDATE alembic_version SET version_num='0002' WHERE alembic_version.version_num = '0001';

-- Running upgrade 0002 -> 0003

CREATE TABLE invitations (
    id UUID NOT NULL, 
    email TEXT NOT NULL, 
    email_normalized TEXT NOT NULL, 
    locale TEXT DEFAULT 'en' NOT NULL, 
    role_ids UUID[] DEFAULT '{}' NOT NULL, 
    team_ids UUID[] DEFAULT '{}' NOT NULL, 
    invited_by UUID, 
    digest BYTEA, 
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    accepted_at TIMESTAMP WITH TIME ZONE, 
    revoked_at TIMESTAMP WITH TIME ZONE, 
    user_id UUID, 
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    version INTEGER DEFAULT '1' NOT NULL, 
    CONSTRAINT pk_invitations PRIMARY KEY (id), 
    CONSTRAINT ck_invitations_email_length CHECK (char_length(email) <= 254), 
    CONSTRAINT ck_invitations_email_normalized_length CHECK (char_length(email_normalized) <= 1000), 
    CONSTRAINT ck_invitations_locale_length CHECK (char_length(locale) <= 35), 
    CONSTRAINT fk_invitations_invited_by FOREIGN KEY(invited_by) REFERENCES users (id) ON DELETE SET NULL, 
    CONSTRAINT fk_invitations_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE SET NULL, 
    CONSTRAINT uq_invitations_digest UNIQUE (digest)
);

CREATE INDEX ix_invitations_created_at_id ON invitations (created_at, id);

CREATE INDEX ix_invitations_invited_by ON invitations (invited_by);

CREATE INDEX ix_invitations_user_id ON invitations (user_id);

CREATE UNIQUE INDEX uq_invitations_email_normalized ON invitations (email_normalized) WHERE accepted_at IS NULL AND revoked_at IS NULL;

CREATE TABLE recovery_codes (
    id UUID NOT NULL, 
    user_id UUID NOT NULL, 
    digest BYTEA NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    used_at TIMESTAMP WITH TIME ZONE, 
    CONSTRAINT pk_recovery_codes PRIMARY KEY (id), 
    CONSTRAINT fk_recovery_codes_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE, 
    CONSTRAINT uq_recovery_codes_digest UNIQUE (digest)
);

CREATE INDEX ix_recovery_codes_user_id ON recovery_codes (user_id);

CREATE TABLE user_totp (
    user_id UUID NOT NULL, 
    secret BYTEA NOT NULL, 
    last_step BIGINT DEFAULT '0' NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    confirmed_at TIMESTAMP WITH TIME ZONE, 
    CONSTRAINT pk_user_totp PRIMARY KEY (user_id), 
    CONSTRAINT fk_user_totp_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);

ALTER TABLE api_keys ADD COLUMN previous_digest BYTEA;

ALTER TABLE api_keys ADD COLUMN previous_expires_at TIMESTAMP WITH TIME ZONE;

ALTER TABLE api_keys ADD CONSTRAINT uq_api_keys_previous_digest UNIQUE (previous_digest);

UPDATE alembic_version SET version_num='0003' WHERE alembic_version.version_num = '0002';

-- Running upgrade 0003 -> 0004

CREATE TABLE audit_checkpoints (
    size BIGINT NOT NULL, 
    head_hash BYTEA NOT NULL, 
    taken_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    key_id TEXT NOT NULL, 
    signature BYTEA NOT NULL, 
    CONSTRAINT pk_audit_checkpoints PRIMARY KEY (size, key_id), 
    CONSTRAINT ck_audit_checkpoints_key_id_length CHECK (char_length(key_id) <= 64), 
    CONSTRAINT ck_audit_checkpoints_head_hash_length CHECK (octet_length(head_hash) = 32), 
    CONSTRAINT ck_audit_checkpoints_size_not_negative CHECK (size >= 0)
);

CREATE TABLE audit_tombstones (
    through_seq BIGINT NOT NULL, 
    hash BYTEA NOT NULL, 
    removed_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    key_id TEXT NOT NULL, 
    signature BYTEA NOT NULL, 
    CONSTRAINT pk_audit_tombstones PRIMARY KEY (through_seq, key_id), 
    CONSTRAINT ck_audit_tombstones_key_id_length CHECK (char_length(key_id) <= 64), 
    CONSTRAINT ck_audit_tombstones_hash_length CHECK (octet_length(hash) = 32), 
    CONSTRAINT ck_audit_tombstones_through_seq_positive CHECK (through_seq >= 1)
);

CREATE TABLE flag_sets (
    id SMALLINT NOT NULL, 
    version BIGINT NOT NULL, 
    evaluators JSONB DEFAULT '{}' NOT NULL, 
    metadata JSONB DEFAULT '{}' NOT NULL, 
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_flag_sets PRIMARY KEY (id), 
    CONSTRAINT ck_flag_sets_evaluators_object CHECK (jsonb_typeof(evaluators) = 'object'), 
    CONSTRAINT ck_flag_sets_metadata_object CHECK (jsonb_typeof(metadata) = 'object'), 
    CONSTRAINT ck_flag_sets_single_row CHECK (id = 1)
);

CREATE TABLE setting_changes (
    id UUID NOT NULL, 
    key TEXT NOT NULL, 
    version INTEGER NOT NULL, 
    value_type TEXT NOT NULL, 
    value JSONB, 
    secret_value BYTEA, 
    is_set BOOLEAN NOT NULL, 
    changed_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    changed_by UUID, 
    changed_by_name TEXT, 
    CONSTRAINT pk_setting_changes PRIMARY KEY (id), 
    CONSTRAINT ck_setting_changes_value_unless_secret CHECK ((is_set AND value_type <> 'secret') = (value IS NOT NULL)), 
    CONSTRAINT ck_setting_changes_secret_value_if_secret CHECK ((is_set AND value_type = 'secret') = (secret_value IS NOT NULL)), 
    CONSTRAINT ck_setting_changes_value_has_its_type CHECK (CASE value_type
    WHEN 'string' THEN jsonb_typeof(value) = 'string'
    WHEN 'integer' THEN value::text ~ '^-?[0-9]+$'
    WHEN 'number' THEN jsonb_typeof(value) = 'number'
    WHEN 'boolean' THEN jsonb_typeof(value) = 'boolean'
    ELSE true
END), 
    CONSTRAINT ck_setting_changes_key_form CHECK (key ~ '^[a-z][a-z0-9_.-]{0,127}$'), 
    CONSTRAINT ck_setting_changes_value_type_allowed CHECK (value_type IN ('string', 'integer', 'number', 'boolean', 'json', 'secret')), 
    CONSTRAINT ck_setting_changes_changed_by_name_length CHECK (char_length(changed_by_name) <= 254), 
    CONSTRAINT ck_setting_changes_secret_value_length CHECK (octet_length(secret_value) <= 70000), 
    CONSTRAINT ck_setting_changes_value_length CHECK (octet_length(value::text) <= 70000), 
    CONSTRAINT uq_setting_changes_key_version UNIQUE (key, version)
);

CREATE TABLE feature_flags (
    id UUID NOT NULL, 
    key TEXT NOT NULL, 
    state TEXT DEFAULT 'ENABLED' NOT NULL, 
    variants JSONB NOT NULL, 
    default_variant TEXT, 
    targeting JSONB, 
    metadata JSONB DEFAULT '{}' NOT NULL, 
    description TEXT DEFAULT '' NOT NULL, 
    switch_at TIMESTAMP WITH TIME ZONE, 
    switch_to TEXT, 
    last_evaluated_at TIMESTAMP WITH TIME ZONE, 
    updated_by UUID, 
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    version INTEGER DEFAULT '1' NOT NULL, 
    CONSTRAINT pk_feature_flags PRIMARY KEY (id), 
    CONSTRAINT ck_feature_flags_metadata_object CHECK (jsonb_typeof(metadata) = 'object'), 
    CONSTRAINT ck_feature_flags_targeting_object CHECK (jsonb_typeof(targeting) = 'object'), 
    CONSTRAINT ck_feature_flags_variants_object CHECK (jsonb_typeof(variants) = 'object'), 
    CONSTRAINT ck_feature_flags_key_form CHECK (key ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$'), 
    CONSTRAINT ck_feature_flags_state_allowed CHECK (state IN ('ENABLED', 'DISABLED')), 
    CONSTRAINT ck_feature_flags_switch_to_allowed CHECK (switch_to IN ('ENABLED', 'DISABLED')), 
    CONSTRAINT ck_feature_flags_switch_complete CHECK ((switch_at IS NULL) = (switch_to IS NULL)), 
    CONSTRAINT ck_feature_flags_default_variant_length CHECK (char_length(default_variant) <= 128), 
    CONSTRAINT ck_feature_flags_description_length CHECK (char_length(description) <= 2000), 
    CONSTRAINT fk_feature_flags_updated_by FOREIGN KEY(updated_by) REFERENCES users (id) ON DELETE SET NULL, 
    CONSTRAINT uq_feature_flags_key UNIQUE (key)
);

CREATE INDEX ix_feature_flags_created_at_id ON feature_flags (created_at, id);

CREATE INDEX ix_feature_flags_updated_at_id ON feature_flags (updated_at, id);

ALTER TABLE settings ADD COLUMN is_set BOOLEAN DEFAULT true NOT NULL;

DROP INDEX ix_settings_created_at_id;

DROP INDEX ix_settings_public_key;

DROP INDEX ix_settings_updated_at_id;

ALTER TABLE settings DROP CONSTRAINT ck_settings_value_unless_secret;

ALTER TABLE settings ADD CONSTRAINT ck_settings_value_unless_secret CHECK ((is_set AND value_type <> 'secret') = (value IS NOT NULL));

ALTER TABLE settings DROP CONSTRAINT ck_settings_secret_value_if_secret;

ALTER TABLE settings ADD CONSTRAINT ck_settings_secret_value_if_secret CHECK ((is_set AND value_type = 'secret') = (secret_value IS NOT NULL));

ALTER TABLE settings DROP CONSTRAINT ck_settings_value_length;

ALTER TABLE settings ADD CONSTRAINT ck_settings_value_length CHECK (octet_length(value::text) <= 70000);

ALTER TABLE settings DROP CONSTRAINT ck_settings_secret_value_length;

ALTER TABLE settings ADD CONSTRAINT ck_settings_secret_value_length CHECK (octet_length(secret_value) <= 70000);

CREATE INDEX ix_audit_logs_actor_type_seq ON audit_logs (actor_type, seq);

CREATE INDEX ix_audit_logs_failures_seq ON audit_logs (seq) WHERE outcome = 'failure';

CREATE OR REPLACE FUNCTION audit_refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
    IF TG_OP = 'DELETE' AND TG_TABLE_NAME = 'audit_logs' THEN
        IF EXISTS (SELECT FROM audit_tombstones WHERE through_seq >= OLD.seq) THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'the audit log cannot be changed' USING ERRCODE = 'insufficient_privilege';
END
$$;

CREATE TRIGGER audit_tombstones_refuse_change BEFORE UPDATE OR DELETE ON audit_tombstones FOR EACH ROW EXECUTE FUNCTION audit_refuse_change();

CREATE TRIGGER audit_tombstones_refuse_truncate BEFORE TRUNCATE ON audit_tombstones FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();

ALTER TABLE audit_tombstones ENABLE ALWAYS TRIGGER audit_tombstones_refuse_change;

ALTER TABLE audit_tombstones ENABLE ALWAYS TRIGGER audit_tombstones_refuse_truncate;

CREATE TRIGGER audit_checkpoints_refuse_change BEFORE UPDATE OR DELETE ON audit_checkpoints FOR EACH ROW EXECUTE FUNCTION audit_refuse_change();

CREATE TRIGGER audit_checkpoints_refuse_truncate BEFORE TRUNCATE ON audit_checkpoints FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();

ALTER TABLE audit_checkpoints ENABLE ALWAYS TRIGGER audit_checkpoints_refuse_change;

ALTER TABLE audit_checkpoints ENABLE ALWAYS TRIGGER audit_checkpoints_refuse_truncate;

UPDATE alembic_version SET version_num='0004' WHERE alembic_version.version_num = '0003';

-- Running upgrade 0004 -> 0005

ALTER TABLE notes ADD COLUMN language TEXT DEFAULT '' NOT NULL;

ALTER TABLE notes ADD CONSTRAINT ck_notes_language_length CHECK (char_length(language) <= 8);

ALTER TABLE notes ADD COLUMN search TSVECTOR GENERATED ALWAYS AS (setweight(to_tsvector('simple'::regconfig, coalesce(title, '')), 'A') || setweight(to_tsvector(CASE language WHEN 'da' THEN 'danish'::regconfig WHEN 'de' THEN 'german'::regconfig WHEN 'el' THEN 'greek'::regconfig WHEN 'en' THEN 'english'::regconfig WHEN 'es' THEN 'spanish'::regconfig WHEN 'fi' THEN 'finnish'::regconfig WHEN 'fr' THEN 'french'::regconfig WHEN 'hu' THEN 'hungarian'::regconfig WHEN 'it' THEN 'italian'::regconfig WHEN 'nl' THEN 'dutch'::regconfig WHEN 'no' THEN 'norwegian'::regconfig WHEN 'pt' THEN 'portuguese'::regconfig WHEN 'ro' THEN 'romanian'::regconfig WHEN 'ru' THEN 'russian'::regconfig WHEN 'sv' THEN 'swedish'::regconfig WHEN 'tr' THEN 'turkish'::regconfig ELSE 'simple'::regconfig END, coalesce(title, '')), 'A') || setweight(to_tsvector('simple'::regconfig, coalesce(content, '')), 'B') || setweight(to_tsvector(CASE language WHEN 'da' THEN 'danish'::regconfig WHEN 'de' THEN 'german'::regconfig WHEN 'el' THEN 'greek'::regconfig WHEN 'en' THEN 'english'::regconfig WHEN 'es' THEN 'spanish'::regconfig WHEN 'fi' THEN 'finnish'::regconfig WHEN 'fr' THEN 'french'::regconfig WHEN 'hu' THEN 'hungarian'::regconfig WHEN 'it' THEN 'italian'::regconfig WHEN 'nl' THEN 'dutch'::regconfig WHEN 'no' THEN 'norwegian'::regconfig WHEN 'pt' THEN 'portuguese'::regconfig WHEN 'ro' THEN 'romanian'::regconfig WHEN 'ru' THEN 'russian'::regconfig WHEN 'sv' THEN 'swedish'::regconfig WHEN 'tr' THEN 'turkish'::regconfig ELSE 'simple'::regconfig END, coalesce(content, '')), 'B')) STORED NOT NULL;

CREATE INDEX ix_notes_search ON notes USING gin (search) WHERE deleted_at IS NULL;

ALTER TABLE tasks ADD COLUMN language TEXT DEFAULT '' NOT NULL;

ALTER TABLE tasks ADD CONSTRAINT ck_tasks_language_length CHECK (char_length(language) <= 8);

ALTER TABLE tasks ADD COLUMN search TSVECTOR GENERATED ALWAYS AS (setweight(to_tsvector('simple'::regconfig, coalesce(title, '')), 'A') || setweight(to_tsvector(CASE language WHEN 'da' THEN 'danish'::regconfig WHEN 'de' THEN 'german'::regconfig WHEN 'el' THEN 'greek'::regconfig WHEN 'en' THEN 'english'::regconfig WHEN 'es' THEN 'spanish'::regconfig WHEN 'fi' THEN 'finnish'::regconfig WHEN 'fr' THEN 'french'::regconfig WHEN 'hu' THEN 'hungarian'::regconfig WHEN 'it' THEN 'italian'::regconfig WHEN 'nl' THEN 'dutch'::regconfig WHEN 'no' THEN 'norwegian'::regconfig WHEN 'pt' THEN 'portuguese'::regconfig WHEN 'ro' THEN 'romanian'::regconfig WHEN 'ru' THEN 'russian'::regconfig WHEN 'sv' THEN 'swedish'::regconfig WHEN 'tr' THEN 'turkish'::regconfig ELSE 'simple'::regconfig END, coalesce(title, '')), 'A') || setweight(to_tsvector('simple'::regconfig, coalesce(description, '')), 'B') || setweight(to_tsvector(CASE language WHEN 'da' THEN 'danish'::regconfig WHEN 'de' THEN 'german'::regconfig WHEN 'el' THEN 'greek'::regconfig WHEN 'en' THEN 'english'::regconfig WHEN 'es' THEN 'spanish'::regconfig WHEN 'fi' THEN 'finnish'::regconfig WHEN 'fr' THEN 'french'::regconfig WHEN 'hu' THEN 'hungarian'::regconfig WHEN 'it' THEN 'italian'::regconfig WHEN 'nl' THEN 'dutch'::regconfig WHEN 'no' THEN 'norwegian'::regconfig WHEN 'pt' THEN 'portuguese'::regconfig WHEN 'ro' THEN 'romanian'::regconfig WHEN 'ru' THEN 'russian'::regconfig WHEN 'sv' THEN 'swedish'::regconfig WHEN 'tr' THEN 'turkish'::regconfig ELSE 'simple'::regconfig END, coalesce(description, '')), 'B')) STORED NOT NULL;

CREATE INDEX ix_tasks_search ON tasks USING gin (search) WHERE deleted_at IS NULL;

ALTER TABLE log_calls ADD COLUMN language TEXT DEFAULT '' NOT NULL;

ALTER TABLE log_calls ADD CONSTRAINT ck_log_calls_language_length CHECK (char_length(language) <= 8);

ALTER TABLE log_calls ADD COLUMN search TSVECTOR GENERATED ALWAYS AS (setweight(to_tsvector('simple'::regconfig, coalesce(contact_name, '')), 'A') || setweight(to_tsvector(CASE language WHEN 'da' THEN 'danish'::regconfig WHEN 'de' THEN 'german'::regconfig WHEN 'el' THEN 'greek'::regconfig WHEN 'en' THEN 'english'::regconfig WHEN 'es' THEN 'spanish'::regconfig WHEN 'fi' THEN 'finnish'::regconfig WHEN 'fr' THEN 'french'::regconfig WHEN 'hu' THEN 'hungarian'::regconfig WHEN 'it' THEN 'italian'::regconfig WHEN 'nl' THEN 'dutch'::regconfig WHEN 'no' THEN 'norwegian'::regconfig WHEN 'pt' THEN 'portuguese'::regconfig WHEN 'ro' THEN 'romanian'::regconfig WHEN 'ru' THEN 'russian'::regconfig WHEN 'sv' THEN 'swedish'::regconfig WHEN 'tr' THEN 'turkish'::regconfig ELSE 'simple'::regconfig END, coalesce(contact_name, '')), 'A') || setweight(to_tsvector('simple'::regconfig, coalesce(outcome, '')), 'B') || setweight(to_tsvector(CASE language WHEN 'da' THEN 'danish'::regconfig WHEN 'de' THEN 'german'::regconfig WHEN 'el' THEN 'greek'::regconfig WHEN 'en' THEN 'english'::regconfig WHEN 'es' THEN 'spanish'::regconfig WHEN 'fi' THEN 'finnish'::regconfig WHEN 'fr' THEN 'french'::regconfig WHEN 'hu' THEN 'hungarian'::regconfig WHEN 'it' THEN 'italian'::regconfig WHEN 'nl' THEN 'dutch'::regconfig WHEN 'no' THEN 'norwegian'::regconfig WHEN 'pt' THEN 'portuguese'::regconfig WHEN 'ro' THEN 'romanian'::regconfig WHEN 'ru' THEN 'russian'::regconfig WHEN 'sv' THEN 'swedish'::regconfig WHEN 'tr' THEN 'turkish'::regconfig ELSE 'simple'::regconfig END, coalesce(outcome, '')), 'B') || setweight(to_tsvector('simple'::regconfig, coalesce(notes, '')), 'C') || setweight(to_tsvector(CASE language WHEN 'da' THEN 'danish'::regconfig WHEN 'de' THEN 'german'::regconfig WHEN 'el' THEN 'greek'::regconfig WHEN 'en' THEN 'english'::regconfig WHEN 'es' THEN 'spanish'::regconfig WHEN 'fi' THEN 'finnish'::regconfig WHEN 'fr' THEN 'french'::regconfig WHEN 'hu' THEN 'hungarian'::regconfig WHEN 'it' THEN 'italian'::regconfig WHEN 'nl' THEN 'dutch'::regconfig WHEN 'no' THEN 'norwegian'::regconfig WHEN 'pt' THEN 'portuguese'::regconfig WHEN 'ro' THEN 'romanian'::regconfig WHEN 'ru' THEN 'russian'::regconfig WHEN 'sv' THEN 'swedish'::regconfig WHEN 'tr' THEN 'turkish'::regconfig ELSE 'simple'::regconfig END, coalesce(notes, '')), 'C') || setweight(to_tsvector('simple'::regconfig, coalesce(phone_number, '')), 'D') || setweight(to_tsvector(CASE language WHEN 'da' THEN 'danish'::regconfig WHEN 'de' THEN 'german'::regconfig WHEN 'el' THEN 'greek'::regconfig WHEN 'en' THEN 'english'::regconfig WHEN 'es' THEN 'spanish'::regconfig WHEN 'fi' THEN 'finnish'::regconfig WHEN 'fr' THEN 'french'::regconfig WHEN 'hu' THEN 'hungarian'::regconfig WHEN 'it' THEN 'italian'::regconfig WHEN 'nl' THEN 'dutch'::regconfig WHEN 'no' THEN 'norwegian'::regconfig WHEN 'pt' THEN 'portuguese'::regconfig WHEN 'ro' THEN 'romanian'::regconfig WHEN 'ru' THEN 'russian'::regconfig WHEN 'sv' THEN 'swedish'::regconfig WHEN 'tr' THEN 'turkish'::regconfig ELSE 'simple'::regconfig END, coalesce(phone_number, '')), 'D')) STORED NOT NULL;

CREATE INDEX ix_log_calls_search ON log_calls USING gin (search) WHERE deleted_at IS NULL;

ALTER TABLE attachments ADD COLUMN language TEXT DEFAULT '' NOT NULL;

ALTER TABLE attachments ADD CONSTRAINT ck_attachments_language_length CHECK (char_length(language) <= 8);

ALTER TABLE attachments ADD COLUMN search TSVECTOR GENERATED ALWAYS AS (setweight(to_tsvector('simple'::regconfig, coalesce(file_name, '')), 'A') || setweight(to_tsvector(CASE language WHEN 'da' THEN 'danish'::regconfig WHEN 'de' THEN 'german'::regconfig WHEN 'el' THEN 'greek'::regconfig WHEN 'en' THEN 'english'::regconfig WHEN 'es' THEN 'spanish'::regconfig WHEN 'fi' THEN 'finnish'::regconfig WHEN 'fr' THEN 'french'::regconfig WHEN 'hu' THEN 'hungarian'::regconfig WHEN 'it' THEN 'italian'::regconfig WHEN 'nl' THEN 'dutch'::regconfig WHEN 'no' THEN 'norwegian'::regconfig WHEN 'pt' THEN 'portuguese'::regconfig WHEN 'ro' THEN 'romanian'::regconfig WHEN 'ru' THEN 'russian'::regconfig WHEN 'sv' THEN 'swedish'::regconfig WHEN 'tr' THEN 'turkish'::regconfig ELSE 'simple'::regconfig END, coalesce(file_name, '')), 'A') || setweight(to_tsvector('simple'::regconfig, coalesce(description, '')), 'B') || setweight(to_tsvector(CASE language WHEN 'da' THEN 'danish'::regconfig WHEN 'de' THEN 'german'::regconfig WHEN 'el' THEN 'greek'::regconfig WHEN 'en' THEN 'english'::regconfig WHEN 'es' THEN 'spanish'::regconfig WHEN 'fi' THEN 'finnish'::regconfig WHEN 'fr' THEN 'french'::regconfig WHEN 'hu' THEN 'hungarian'::regconfig WHEN 'it' THEN 'italian'::regconfig WHEN 'nl' THEN 'dutch'::regconfig WHEN 'no' THEN 'norwegian'::regconfig WHEN 'pt' THEN 'portuguese'::regconfig WHEN 'ro' THEN 'romanian'::regconfig WHEN 'ru' THEN 'russian'::regconfig WHEN 'sv' THEN 'swedish'::regconfig WHEN 'tr' THEN 'turkish'::regconfig ELSE 'simple'::regconfig END, coalesce(description, '')), 'B')) STORED NOT NULL;

CREATE INDEX ix_attachments_search ON attachments USING gin (search) WHERE deleted_at IS NULL;

ALTER TABLE events ADD COLUMN language TEXT DEFAULT '' NOT NULL;

ALTER TABLE events ADD CONSTRAINT ck_events_language_length CHECK (char_length(language) <= 8);

ALTER TABLE events ADD COLUMN search TSVECTOR GENERATED ALWAYS AS (setweight(to_tsvector('simple'::regconfig, coalesce(title, '')), 'A') || setweight(to_tsvector(CASE language WHEN 'da' THEN 'danish'::regconfig WHEN 'de' THEN 'german'::regconfig WHEN 'el' THEN 'greek'::regconfig WHEN 'en' THEN 'english'::regconfig WHEN 'es' THEN 'spanish'::regconfig WHEN 'fi' THEN 'finnish'::regconfig WHEN 'fr' THEN 'french'::regconfig WHEN 'hu' THEN 'hungarian'::regconfig WHEN 'it' THEN 'italian'::regconfig WHEN 'nl' THEN 'dutch'::regconfig WHEN 'no' THEN 'norwegian'::regconfig WHEN 'pt' THEN 'portuguese'::regconfig WHEN 'ro' THEN 'romanian'::regconfig WHEN 'ru' THEN 'russian'::regconfig WHEN 'sv' THEN 'swedish'::regconfig WHEN 'tr' THEN 'turkish'::regconfig ELSE 'simple'::regconfig END, coalesce(title, '')), 'A') || setweight(to_tsvector('simple'::regconfig, coalesce(description, '')), 'B') || setweight(to_tsvector(CASE language WHEN 'da' THEN 'danish'::regconfig WHEN 'de' THEN 'german'::regconfig WHEN 'el' THEN 'greek'::regconfig WHEN 'en' THEN 'english'::regconfig WHEN 'es' THEN 'spanish'::regconfig WHEN 'fi' THEN 'finnish'::regconfig WHEN 'fr' THEN 'french'::regconfig WHEN 'hu' THEN 'hungarian'::regconfig WHEN 'it' THEN 'italian'::regconfig WHEN 'nl' THEN 'dutch'::regconfig WHEN 'no' THEN 'norwegian'::regconfig WHEN 'pt' THEN 'portuguese'::regconfig WHEN 'ro' THEN 'romanian'::regconfig WHEN 'ru' THEN 'russian'::regconfig WHEN 'sv' THEN 'swedish'::regconfig WHEN 'tr' THEN 'turkish'::regconfig ELSE 'simple'::regconfig END, coalesce(description, '')), 'B') || setweight(to_tsvector('simple'::regconfig, coalesce(location, '')), 'C') || setweight(to_tsvector(CASE language WHEN 'da' THEN 'danish'::regconfig WHEN 'de' THEN 'german'::regconfig WHEN 'el' THEN 'greek'::regconfig WHEN 'en' THEN 'english'::regconfig WHEN 'es' THEN 'spanish'::regconfig WHEN 'fi' THEN 'finnish'::regconfig WHEN 'fr' THEN 'french'::regconfig WHEN 'hu' THEN 'hungarian'::regconfig WHEN 'it' THEN 'italian'::regconfig WHEN 'nl' THEN 'dutch'::regconfig WHEN 'no' THEN 'norwegian'::regconfig WHEN 'pt' THEN 'portuguese'::regconfig WHEN 'ro' THEN 'romanian'::regconfig WHEN 'ru' THEN 'russian'::regconfig WHEN 'sv' THEN 'swedish'::regconfig WHEN 'tr' THEN 'turkish'::regconfig ELSE 'simple'::regconfig END, coalesce(location, '')), 'C')) STORED NOT NULL;

CREATE INDEX ix_events_search ON events USING gin (search) WHERE deleted_at IS NULL;

ALTER TABLE reviews ADD COLUMN language TEXT DEFAULT '' NOT NULL;

ALTER TABLE reviews ADD CONSTRAINT ck_reviews_language_length CHECK (char_length(language) <= 8);

ALTER TABLE reviews ADD COLUMN search TSVECTOR GENERATED ALWAYS AS (setweight(to_tsvector('simple'::regconfig, coalesce(title, '')), 'A') || setweight(to_tsvector(CASE language WHEN 'da' THEN 'danish'::regconfig WHEN 'de' THEN 'german'::regconfig WHEN 'el' THEN 'greek'::regconfig WHEN 'en' THEN 'english'::regconfig WHEN 'es' THEN 'spanish'::regconfig WHEN 'fi' THEN 'finnish'::regconfig WHEN 'fr' THEN 'french'::regconfig WHEN 'hu' THEN 'hungarian'::regconfig WHEN 'it' THEN 'italian'::regconfig WHEN 'nl' THEN 'dutch'::regconfig WHEN 'no' THEN 'norwegian'::regconfig WHEN 'pt' THEN 'portuguese'::regconfig WHEN 'ro' THEN 'romanian'::regconfig WHEN 'ru' THEN 'russian'::regconfig WHEN 'sv' THEN 'swedish'::regconfig WHEN 'tr' THEN 'turkish'::regconfig ELSE 'simple'::regconfig END, coalesce(title, '')), 'A') || setweight(to_tsvector('simple'::regconfig, coalesce(body, '')), 'B') || setweight(to_tsvector(CASE language WHEN 'da' THEN 'danish'::regconfig WHEN 'de' THEN 'german'::regconfig WHEN 'el' THEN 'greek'::regconfig WHEN 'en' THEN 'english'::regconfig WHEN 'es' THEN 'spanish'::regconfig WHEN 'fi' THEN 'finnish'::regconfig WHEN 'fr' THEN 'french'::regconfig WHEN 'hu' THEN 'hungarian'::regconfig WHEN 'it' THEN 'italian'::regconfig WHEN 'nl' THEN 'dutch'::regconfig WHEN 'no' THEN 'norwegian'::regconfig WHEN 'pt' THEN 'portuguese'::regconfig WHEN 'ro' THEN 'romanian'::regconfig WHEN 'ru' THEN 'russian'::regconfig WHEN 'sv' THEN 'swedish'::regconfig WHEN 'tr' THEN 'turkish'::regconfig ELSE 'simple'::regconfig END, coalesce(body, '')), 'B') || setweight(to_tsvector('simple'::regconfig, coalesce(reviewer_name, '')), 'C') || setweight(to_tsvector(CASE language WHEN 'da' THEN 'danish'::regconfig WHEN 'de' THEN 'german'::regconfig WHEN 'el' THEN 'greek'::regconfig WHEN 'en' THEN 'english'::regconfig WHEN 'es' THEN 'spanish'::regconfig WHEN 'fi' THEN 'finnish'::regconfig WHEN 'fr' THEN 'french'::regconfig WHEN 'hu' THEN 'hungarian'::regconfig WHEN 'it' THEN 'italian'::regconfig WHEN 'nl' THEN 'dutch'::regconfig WHEN 'no' THEN 'norwegian'::regconfig WHEN 'pt' THEN 'portuguese'::regconfig WHEN 'ro' THEN 'romanian'::regconfig WHEN 'ru' THEN 'russian'::regconfig WHEN 'sv' THEN 'swedish'::regconfig WHEN 'tr' THEN 'turkish'::regconfig ELSE 'simple'::regconfig END, coalesce(reviewer_name, '')), 'C') || setweight(to_tsvector('simple'::regconfig, coalesce(reply, '')), 'D') || setweight(to_tsvector(CASE language WHEN 'da' THEN 'danish'::regconfig WHEN 'de' THEN 'german'::regconfig WHEN 'el' THEN 'greek'::regconfig WHEN 'en' THEN 'english'::regconfig WHEN 'es' THEN 'spanish'::regconfig WHEN 'fi' THEN 'finnish'::regconfig WHEN 'fr' THEN 'french'::regconfig WHEN 'hu' THEN 'hungarian'::regconfig WHEN 'it' THEN 'italian'::regconfig WHEN 'nl' THEN 'dutch'::regconfig WHEN 'no' THEN 'norwegian'::regconfig WHEN 'pt' THEN 'portuguese'::regconfig WHEN 'ro' THEN 'romanian'::regconfig WHEN 'ru' THEN 'russian'::regconfig WHEN 'sv' THEN 'swedish'::regconfig WHEN 'tr' THEN 'turkish'::regconfig ELSE 'simple'::regconfig END, coalesce(reply, '')), 'D')) STORED NOT NULL;

CREATE INDEX ix_reviews_search ON reviews USING gin (search) WHERE deleted_at IS NULL;

UPDATE alembic_version SET version_num='0005' WHERE alembic_version.version_num = '0004';

-- Running upgrade 0005 -> 0006

ALTER TABLE tasks ADD COLUMN previous_id UUID;

ALTER TABLE tasks ADD CONSTRAINT fk_tasks_previous_id FOREIGN KEY(previous_id) REFERENCES tasks (id) ON DELETE SET NULL;

CREATE UNIQUE INDEX uq_tasks_previous_id ON tasks (previous_id);

DROP INDEX ix_tasks_due_at_id;

DROP INDEX ix_tasks_assignee_id_due_at_id;

CREATE INDEX ix_tasks_due_at_id ON tasks (COALESCE(due_at, 'infinity'::timestamp with time zone), id) WHERE deleted_at IS NULL;

CREATE INDEX ix_tasks_assignee_id_due_at_id ON tasks (assignee_id, COALESCE(due_at, 'infinity'::timestamp with time zone), id) WHERE deleted_at IS NULL;

CREATE TABLE task_comments (
    id UUID NOT NULL, 
    task_id UUID NOT NULL, 
    created_by UUID, 
    body TEXT NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    version INTEGER DEFAULT '1' NOT NULL, 
    CONSTRAINT pk_task_comments PRIMARY KEY (id), 
    CONSTRAINT ck_task_comments_body_length CHECK (char_length(body) <= 10000), 
    CONSTRAINT fk_task_comments_created_by FOREIGN KEY(created_by) REFERENCES users (id) ON DELETE SET NULL, 
    CONSTRAINT fk_task_comments_task_id FOREIGN KEY(task_id) REFERENCES tasks (id) ON DELETE CASCADE
);

CREATE INDEX ix_task_comments_created_by ON task_comments (created_by);

CREATE INDEX ix_task_comments_task_id_created_at_id ON task_comments (task_id, created_at, id);

CREATE TABLE task_mentions (
    comment_id UUID NOT NULL, 
    user_id UUID NOT NULL, 
    is_current BOOLEAN DEFAULT true NOT NULL, 
    CONSTRAINT pk_task_mentions PRIMARY KEY (comment_id, user_id), 
    CONSTRAINT fk_task_mentions_comment_id FOREIGN KEY(comment_id) REFERENCES task_comments (id) ON DELETE CASCADE, 
    CONSTRAINT fk_task_mentions_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);

CREATE INDEX ix_task_mentions_user_id ON task_mentions (user_id);

UPDATE alembic_version SET version_num='0006' WHERE alembic_version.version_num = '0005';

-- Running upgrade 0006 -> 0007

ALTER TABLE tasks ADD COLUMN reminders JSONB DEFAULT '[]' NOT NULL;

ALTER TABLE tasks ADD CONSTRAINT ck_tasks_reminders_count CHECK (CASE WHEN jsonb_typeof(reminders) = 'array' THEN jsonb_array_length(reminders) <= 5 ELSE false END);

ALTER TABLE events ADD COLUMN reminders JSONB DEFAULT '[]' NOT NULL;

ALTER TABLE events ADD CONSTRAINT ck_events_reminders_count CHECK (CASE WHEN jsonb_typeof(reminders) = 'array' THEN jsonb_array_length(reminders) <= 5 ELSE false END);

CREATE TABLE reminders (
    id UUID NOT NULL, 
    record_type TEXT NOT NULL, 
    record_id UUID NOT NULL, 
    user_id UUID NOT NULL, 
    offset_minutes INTEGER NOT NULL, 
    due_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    status TEXT DEFAULT 'pending' NOT NULL, 
    sent_at TIMESTAMP WITH TIME ZONE, 
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    CONSTRAINT pk_reminders PRIMARY KEY (id), 
    CONSTRAINT ck_reminders_record_type_length CHECK (char_length(record_type) <= 32), 
    CONSTRAINT ck_reminders_status_allowed CHECK (status IN ('pending', 'sent', 'dismissed', 'missed')), 
    CONSTRAINT ck_reminders_offset_minutes_range CHECK (offset_minutes BETWEEN 0 AND 40320), 
    CONSTRAINT ck_reminders_sent_at_if_sent CHECK ((status = 'sent') = (sent_at IS NOT NULL)), 
    CONSTRAINT fk_reminders_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);

CREATE UNIQUE INDEX uq_reminders_moment ON reminders (record_type, record_id, user_id, offset_minutes, due_at) WHERE status <> 'missed';

CREATE INDEX ix_reminders_user_id_due_at_id ON reminders (user_id, due_at, id);

CREATE INDEX ix_reminders_user_id_created_at_id ON reminders (user_id, created_at, id);

UPDATE alembic_version SET version_num='0007' WHERE alembic_version.version_num = '0006';

-- Running upgrade 0007 -> 0008

ALTER TABLE log_calls ADD CONSTRAINT ck_log_calls_started_if_ended CHECK (ended_at IS NULL OR started_at IS NOT NULL);

ALTER TABLE log_calls ADD CONSTRAINT ck_log_calls_not_held_not_ended CHECK (status NOT IN ('planned', 'cancelled') OR (ended_at IS NULL AND duration_seconds IS NULL));

DROP INDEX ix_log_calls_started_at_id;

CREATE INDEX ix_log_calls_began_at_id ON log_calls (coalesce(started_at, created_at), id) WHERE deleted_at IS NULL;

CREATE INDEX ix_log_calls_contact_ref_created_at_id ON log_calls (contact_ref, created_at, id) WHERE deleted_at IS NULL;

UPDATE alembic_version SET version_num='0008' WHERE alembic_version.version_num = '0007';

-- Running upgrade 0008 -> 0009

ALTER TABLE reviews ADD COLUMN rejection_reason TEXT;

ALTER TABLE reviews ADD CONSTRAINT ck_reviews_rejection_reason_length CHECK (char_length(rejection_reason) <= 500);

ALTER TABLE reviews ADD CONSTRAINT ck_reviews_reason_if_rejected CHECK (rejection_reason IS NULL OR status IN ('rejected', 'spam'));

CREATE INDEX ix_reviews_rating_id ON reviews (rating, id) WHERE deleted_at IS NULL;

CREATE INDEX ix_reviews_subject_type_subject_id ON reviews (subject_type, subject_id);

CREATE TABLE review_summaries (
    subject_type TEXT NOT NULL, 
    subject_id TEXT NOT NULL, 
    rating_1 INTEGER DEFAULT '0' NOT NULL, 
    rating_2 INTEGER DEFAULT '0' NOT NULL, 
    rating_3 INTEGER DEFAULT '0' NOT NULL, 
    rating_4 INTEGER DEFAULT '0' NOT NULL, 
    rating_5 INTEGER DEFAULT '0' NOT NULL, 
    version INTEGER DEFAULT '1' NOT NULL, 
    CONSTRAINT pk_review_summaries PRIMARY KEY (subject_type, subject_id), 
    CONSTRAINT ck_review_summaries_subject_type_length CHECK (char_length(subject_type) <= 64), 
    CONSTRAINT ck_review_summaries_subject_id_length CHECK (char_length(subject_id) <= 128), 
    CONSTRAINT ck_review_summaries_ratings_not_negative CHECK (least(rating_1, rating_2, rating_3, rating_4, rating_5) >= 0)
);

INSERT INTO review_summaries (subject_type, subject_id, rating_1, rating_2, rating_3, rating_4, rating_5) SELECT subject_type, subject_id, count(*) FILTER (WHERE rating = 1), count(*) FILTER (WHERE rating = 2), count(*) FILTER (WHERE rating = 3), count(*) FILTER (WHERE rating = 4), count(*) FILTER (WHERE rating = 5) FROM reviews WHERE status = 'approved' AND deleted_at IS NULL GROUP BY subject_type, subject_id;

CREATE TABLE review_requests (
    id UUID NOT NULL, 
    subject_type TEXT NOT NULL, 
    subject_id TEXT NOT NULL, 
    subject_name TEXT, 
    reviewer_email TEXT NOT NULL, 
    reviewer_name TEXT, 
    locale TEXT NOT NULL, 
    lifetime_days SMALLINT NOT NULL, 
    digest BYTEA, 
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    sent_at TIMESTAMP WITH TIME ZONE, 
    used_at TIMESTAMP WITH TIME ZONE, 
    revoked_at TIMESTAMP WITH TIME ZONE, 
    created_by UUID, 
    review_id UUID, 
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    version INTEGER DEFAULT '1' NOT NULL, 
    CONSTRAINT pk_review_requests PRIMARY KEY (id), 
    CONSTRAINT ck_review_requests_subject_type_length CHECK (char_length(subject_type) <= 64), 
    CONSTRAINT ck_review_requests_subject_id_length CHECK (char_length(subject_id) <= 128), 
    CONSTRAINT ck_review_requests_subject_name_length CHECK (char_length(subject_name) <= 200), 
    CONSTRAINT ck_review_requests_reviewer_email_length CHECK (char_length(reviewer_email) <= 254), 
    CONSTRAINT ck_review_requests_reviewer_name_length CHECK (char_length(reviewer_name) <= 200), 
    CONSTRAINT ck_review_requests_locale_length CHECK (char_length(locale) <= 35), 
    CONSTRAINT ck_review_requests_lifetime_days_range CHECK (lifetime_days BETWEEN 1 AND 365), 
    CONSTRAINT ck_review_requests_digest_length CHECK (octet_length(digest) = 32), 
    CONSTRAINT fk_review_requests_created_by FOREIGN KEY(created_by) REFERENCES users (id) ON DELETE SET NULL, 
    CONSTRAINT fk_review_requests_review_id FOREIGN KEY(review_id) REFERENCES reviews (id) ON DELETE SET NULL, 
    CONSTRAINT uq_review_requests_digest UNIQUE (digest)
);

CREATE UNIQUE INDEX uq_review_requests_open ON review_requests (lower(reviewer_email), subject_type, subject_id) WHERE used_at IS NULL AND revoked_at IS NULL;

CREATE INDEX ix_review_requests_created_at_id ON review_requests (created_at, id);

CREATE INDEX ix_review_requests_created_by ON review_requests (created_by);

CREATE INDEX ix_review_requests_review_id ON review_requests (review_id);

UPDATE alembic_version SET version_num='0009' WHERE alembic_version.version_num = '0008';

-- Running upgrade 0009 -> 0010

CREATE TABLE attachment_contents (
    sha256 BYTEA NOT NULL, 
    file_id UUID NOT NULL, 
    size_bytes BIGINT NOT NULL, 
    CONSTRAINT pk_attachment_contents PRIMARY KEY (sha256), 
    CONSTRAINT ck_attachment_contents_sha256_length CHECK (octet_length(sha256) = 32), 
    CONSTRAINT ck_attachment_contents_size_not_negative CHECK (size_bytes >= 0), 
    CONSTRAINT uq_attachment_contents_file_id UNIQUE (file_id)
);

CREATE TABLE attachment_usage (
    id SMALLINT DEFAULT '1' NOT NULL, 
    used_bytes BIGINT DEFAULT '0' NOT NULL, 
    swept_at TIMESTAMP WITH TIME ZONE, 
    CONSTRAINT pk_attachment_usage PRIMARY KEY (id), 
    CONSTRAINT ck_attachment_usage_one_row CHECK (id = 1), 
    CONSTRAINT ck_attachment_usage_used_not_negative CHECK (used_bytes >= 0)
);

ALTER TABLE attachments ADD CONSTRAINT fk_attachments_sha256 FOREIGN KEY(sha256) REFERENCES attachment_contents (sha256);

CREATE INDEX ix_attachments_deleted_at ON attachments (deleted_at) WHERE deleted_at IS NOT NULL;

UPDATE alembic_version SET version_num='0010' WHERE alembic_version.version_num = '0009';

-- Running upgrade 0010 -> 0011

ALTER TABLE events ADD COLUMN last_ends_at TIMESTAMP WITH TIME ZONE;

ALTER TABLE events ADD COLUMN uid TEXT;

ALTER TABLE events ADD CONSTRAINT ck_events_last_ends_after_start CHECK (last_ends_at >= starts_at);

ALTER TABLE events ADD CONSTRAINT ck_events_uid_length CHECK (char_length(uid) <= 255);

DROP INDEX ix_events_recurring;

CREATE INDEX ix_events_span ON events USING gist (tstzrange(starts_at, last_ends_at, '[]')) WHERE deleted_at IS NULL;

CREATE UNIQUE INDEX uq_events_created_by_uid ON events (created_by, uid) WHERE deleted_at IS NULL AND uid IS NOT NULL;

ALTER TABLE event_attendees ADD COLUMN comment TEXT;

ALTER TABLE event_attendees ADD COLUMN answer_digest BYTEA;

ALTER TABLE event_attendees ADD CONSTRAINT ck_event_attendees_comment_length CHECK (char_length(comment) <= 500);

ALTER TABLE event_attendees ADD CONSTRAINT ck_event_attendees_answer_digest_length CHECK (octet_length(answer_digest) = 32);

CREATE UNIQUE INDEX uq_event_attendees_answer_digest ON event_attendees (answer_digest);

CREATE TABLE event_overrides (
    event_id UUID NOT NULL, 
    original_starts_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    title TEXT, 
    location TEXT, 
    starts_at TIMESTAMP WITH TIME ZONE, 
    ends_at TIMESTAMP WITH TIME ZONE, 
    status TEXT, 
    CONSTRAINT pk_event_overrides PRIMARY KEY (event_id, original_starts_at), 
    CONSTRAINT ck_event_overrides_title_length CHECK (char_length(title) <= 200), 
    CONSTRAINT ck_event_overrides_location_length CHECK (char_length(location) <= 500), 
    CONSTRAINT ck_event_overrides_status_allowed CHECK (status IN ('confirmed', 'tentative', 'cancelled')), 
    CONSTRAINT ck_event_overrides_time_whole CHECK ((starts_at IS NULL) = (ends_at IS NULL)), 
    CONSTRAINT ck_event_overrides_ends_after_start CHECK (ends_at >= starts_at), 
    CONSTRAINT fk_event_overrides_event_id FOREIGN KEY(event_id) REFERENCES events (id) ON DELETE CASCADE
);

CREATE INDEX ix_event_overrides_span ON event_overrides USING gist (tstzrange(starts_at, ends_at, '[]')) WHERE starts_at IS NOT NULL;

CREATE TABLE event_feeds (
    id UUID NOT NULL, 
    user_id UUID NOT NULL, 
    name TEXT DEFAULT '' NOT NULL, 
    scope TEXT DEFAULT 'mine' NOT NULL, 
    events BOOLEAN DEFAULT true NOT NULL, 
    tasks BOOLEAN DEFAULT true NOT NULL, 
    digest BYTEA NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    CONSTRAINT pk_event_feeds PRIMARY KEY (id), 
    CONSTRAINT ck_event_feeds_name_length CHECK (char_length(name) <= 200), 
    CONSTRAINT ck_event_feeds_scope_allowed CHECK (scope IN ('mine', 'readable')), 
    CONSTRAINT ck_event_feeds_digest_length CHECK (octet_length(digest) = 32), 
    CONSTRAINT ck_event_feeds_not_empty CHECK (events OR tasks), 
    CONSTRAINT fk_event_feeds_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);

CREATE UNIQUE INDEX uq_event_feeds_digest ON event_feeds (digest);

CREATE INDEX ix_event_feeds_user_id_created_at_id ON event_feeds (user_id, created_at, id);

UPDATE alembic_version SET version_num='0011' WHERE alembic_version.version_num = '0010';
