"""The tables, as numbered steps. A step that has been released is never edited: add another."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """create table models (
            model_id text primary key,
            file_name text not null,
            size_bytes integer not null,
            modified_ns integer not null,
            facts text not null
        ) strict""",
        """create table model_names (
            name text primary key,
            model_id text not null references models (model_id),
            added_at real not null
        ) strict""",
        """create table keys (
            name text primary key,
            prefix text not null,
            digest blob not null unique,
            created_at real not null,
            last_used_at real
        ) strict""",
        """create table tunings (
            machine text not null,
            model_id text not null,
            workload text not null,
            settings text not null,
            measured text not null,
            measured_at real not null,
            primary key (machine, model_id, workload)
        ) strict""",
    ),
    (
        """create table model_origins (
            model_id text primary key,
            origin text not null
        ) strict""",
    ),
    (
        "alter table models rename column file_name to place",
        "alter table models add column projector text not null default ''",
        """create table tensor_groups (
            group_id text not null,
            model_id text not null references models (model_id) on delete cascade,
            position integer not null,
            name text not null,
            size_bytes integer not null,
            primary key (model_id, position)
        ) strict""",
        "create index tensor_groups_by_content on tensor_groups (group_id)",
    ),
    (
        """create table model_settings (
            model_id text primary key,
            settings text not null
        ) strict""",
    ),
    (
        # Keys from before there were policies keep what they could do: ask anything, however far it travels.
        """alter table keys add column policy text not null default '{"scopes":["inference"],"radius":"public"}'""",
        """create table key_usage (
            day text not null,
            name text not null references keys (name) on delete cascade,
            requests integer not null,
            errors integer not null,
            prompt_tokens integer not null,
            cached_tokens integer not null,
            completion_tokens integer not null,
            primary key (day, name)
        ) strict""",
    ),
    (
        """create table providers (
            name text primary key,
            position integer not null,
            settings text not null,
            secret text not null
        ) strict""",
    ),
    (
        """create table people (
            node_id blob primary key,
            facts text not null
        ) strict""",
        """create table pools (
            pool_id blob primary key,
            facts text not null
        ) strict""",
    ),
    (
        """create table messages (
            node_id blob not null,
            message_id blob not null,
            text text not null,
            received_at real not null,
            unique (node_id, message_id)
        ) strict""",
    ),
    (
        """create table peers (
            node_id blob primary key,
            content blob not null,
            sequence integer not null,
            expires_at integer not null,
            taught_by blob not null,
            last_ok real,
            fails integer not null,
            round_trip_ms real,
            dead_at real
        ) strict""",
    ),
    (
        """create table invites (
            digest blob primary key,
            made_at real not null,
            expires_at real not null,
            uses_left integer not null
        ) strict""",
        """create table invite_uses (
            digest blob not null references invites (digest) on delete cascade,
            node_id blob not null,
            used_at real not null,
            primary key (digest, node_id)
        ) strict""",
        """create table network (
            only integer primary key check (only = 1),
            secret blob not null
        ) strict""",
    ),
)
"""Step n (counted from 1) is a list of statements, run once and together."""
