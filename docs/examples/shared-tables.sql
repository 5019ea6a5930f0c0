-- A made-up monolith whose companies share their tables. shared-tables.toml reads it; MIGRATION_GUIDE.md is tried on it.
-- Both companies have the same people and records, told apart by what they say, so that a mix-up would be seen.

CREATE TABLE companies (id integer PRIMARY KEY, name text NOT NULL);

CREATE TABLE users (
    id serial PRIMARY KEY,
    company_id integer NOT NULL REFERENCES companies,
    login text NOT NULL,
    mail text NOT NULL,
    real_name text,
    password text,
    kind text NOT NULL,  -- boss, agent or guest
    is_blocked boolean NOT NULL DEFAULT false,
    created timestamptz NOT NULL,
    modified timestamptz NOT NULL
);

CREATE TABLE groups (
    id serial PRIMARY KEY,
    company_id integer NOT NULL REFERENCES companies,
    title text NOT NULL,
    parent integer REFERENCES groups
);

CREATE TABLE group_members (
    group_id integer NOT NULL REFERENCES groups,
    user_id integer NOT NULL REFERENCES users,
    PRIMARY KEY (group_id, user_id)
);

CREATE TABLE preferences (
    company_id integer NOT NULL REFERENCES companies,
    name text NOT NULL,
    value text NOT NULL,
    PRIMARY KEY (company_id, name)
);

CREATE TABLE memos (
    id bigserial PRIMARY KEY,
    company_id integer NOT NULL REFERENCES companies,
    author integer REFERENCES users,
    subject text,
    body text NOT NULL,
    for_me_only boolean NOT NULL DEFAULT false,
    booking text,
    created timestamptz NOT NULL,
    modified timestamptz NOT NULL
);

CREATE TABLE todos (
    id bigserial PRIMARY KEY,
    company_id integer NOT NULL REFERENCES companies,
    creator integer REFERENCES users,
    owner integer REFERENCES users,
    group_id integer REFERENCES groups,
    parent bigint REFERENCES todos,
    what text NOT NULL,
    state char(1) NOT NULL,  -- o pen, w orking, d one, x cancelled
    importance smallint NOT NULL,  -- 1 is the highest
    due timestamp,  -- by the clock of Athens
    done timestamptz,
    created timestamptz NOT NULL,
    modified timestamptz NOT NULL
);

CREATE TABLE phone_log (
    id bigserial PRIMARY KEY,
    company_id integer NOT NULL REFERENCES companies,
    agent integer REFERENCES users,
    is_incoming boolean NOT NULL,
    number text,
    caller text,
    began timestamptz NOT NULL,
    seconds integer,  -- NULL: nobody answered
    remarks text
);

CREATE TABLE appointments (
    id bigserial PRIMARY KEY,
    company_id integer NOT NULL REFERENCES companies,
    host integer REFERENCES users,
    title text NOT NULL,
    begins timestamptz NOT NULL,
    ends timestamptz NOT NULL,
    created timestamptz NOT NULL
);

CREATE TABLE appointment_guests (
    appointment_id bigint NOT NULL REFERENCES appointments,
    user_id integer REFERENCES users,
    mail text
);

CREATE TABLE documents (
    id bigserial PRIMARY KEY,
    company_id integer NOT NULL REFERENCES companies,
    memo_id bigint REFERENCES memos,
    uploader integer REFERENCES users,
    name text NOT NULL,
    path text NOT NULL,  -- below the folder of uploads
    created timestamptz NOT NULL
);

INSERT INTO companies VALUES (17, 'Olive Travel'), (18, 'Pine Travel');

-- The password is `the old password` everywhere: by bcrypt, by Django, by argon2; one never had any.
INSERT INTO users (id, company_id, login, mail, real_name, password, kind, is_blocked, created, modified)
SELECT c.id * 100 + u.number, c.id, u.login, u.login || '@' || split_part(lower(c.name), ' ', 1) || '.example',
       u.real_name, u.password, u.kind, u.is_blocked, '2019-03-01 08:00+02', '2024-05-06 07:08+03'
FROM companies c, (VALUES
    (1, 'eleni', 'Eleni Boss', '$2b$10$wqN5unc.8F65uhqc1KTsi.hRn5zrw6fI.QmiQLm4LWHQAmA6A9o6.', 'boss', false),
    (2, 'petros', 'Petros Agent', 'pbkdf2_sha256$260000$zmEGLNum7Cit$HvJM9q3oxJwcCcVCBlGnpURxVJBaAt3jZfvRZtQwKY0=', 'agent', false),
    (3, 'nikos', 'Nikos Agent', '$argon2id$v=19$m=65536,t=3,p=4$ZUzJWctZS8n5fw/B2FurNQ$MuWiFGrV8ECQoFWzdwFekrn/bEmPDbDBAIW0Qn+6yLc', 'agent', true),
    (4, 'vera', 'Vera Guest', NULL, 'guest', false)
) AS u (number, login, real_name, password, kind, is_blocked);

INSERT INTO groups (id, company_id, title, parent)
SELECT c.id * 100 + g.number, c.id, g.title, c.id * 100 + g.parent
FROM companies c, (VALUES (1, 'Night desk', 2), (2, 'Front desk', NULL)) AS g (number, title, parent);

INSERT INTO group_members
SELECT c.id * 100 + m.group_number, c.id * 100 + m.user_number
FROM companies c, (VALUES (1, 3), (2, 2), (2, 3)) AS m (group_number, user_number);

INSERT INTO preferences SELECT id, 'colour', CASE id WHEN 17 THEN '#556b2f' ELSE '#01796f' END FROM companies;

INSERT INTO memos (id, company_id, author, subject, body, for_me_only, booking, created, modified)
SELECT c.id * 1000 + m.number, c.id, c.id * 100 + m.author, m.subject, m.body || c.name, m.for_me_only, m.booking,
       timestamptz '2020-01-01 10:00+02' + m.number * interval '1 day', '2021-01-01 10:00+02'
FROM companies c, (VALUES
    (1, 1, 'Keys', 'The spare keys are in the drawer of ', false, 'BK-1'),
    (2, 2, NULL, 'Nobody gave this one a title. It is of ', false, NULL),
    (3, 2, 'Mine', 'What only its author reads at ', true, NULL)
) AS m (number, author, subject, body, for_me_only, booking);

INSERT INTO todos (id, company_id, creator, owner, group_id, parent, what, state, importance, due, done, created, modified)
SELECT c.id * 1000 + t.number, c.id, c.id * 100 + 1, c.id * 100 + t.owner, c.id * 100 + t.group_number,
       c.id * 1000 + t.parent, t.what || ' of ' || c.name, t.state, t.importance, t.due, t.done,
       '2023-01-01 10:00+02', '2023-02-01 10:00+02'
FROM companies c, (VALUES
    (1, 2, 2, 2, 'Print the badges', 'o', 2, timestamp '2031-05-02 09:00', NULL::timestamptz),
    (2, 2, 2, NULL, 'Prepare the fair', 'w', 1, timestamp '2031-05-03 09:00', NULL),
    (3, 3, NULL, NULL, 'Count the chairs', 'd', 3, NULL, timestamptz '2023-01-09 17:30+02')
) AS t (number, owner, group_number, parent, what, state, importance, due, done);

INSERT INTO phone_log (id, company_id, agent, is_incoming, number, caller, began, seconds, remarks)
SELECT c.id * 1000 + p.number, c.id, c.id * 100 + 2, p.is_incoming, p.phone, p.caller,
       timestamptz '2024-04-01 11:00+03', p.seconds, p.remarks || c.name
FROM companies c, (VALUES
    (1, true, '+30 210 123 4567', 'Maria Papadaki', 240, 'Wants a later flight with '),
    (2, false, '+30 210 123 4567', 'Maria Papadaki', NULL, 'Called back for ')
) AS p (number, is_incoming, phone, caller, seconds, remarks);

INSERT INTO appointments (id, company_id, host, title, begins, ends, created)
SELECT id * 1000 + 1, id, id * 100 + 1, 'Spring fair of ' || name, '2031-05-10 09:00+03', '2031-05-10 18:00+03',
       '2024-01-01 10:00+02'
FROM companies;

INSERT INTO appointment_guests
SELECT id * 1000 + 1, id * 100 + 2, NULL FROM companies
UNION ALL SELECT id * 1000 + 1, NULL, 'guide@tours.example' FROM companies;

INSERT INTO documents (id, company_id, memo_id, uploader, name, path, created)
SELECT id * 1000 + 1, id, id * 1000 + 1, id * 100 + 1, 'keys.txt', 'uploads/' || id || '-keys.txt', '2020-01-02 10:00+02'
FROM companies;
