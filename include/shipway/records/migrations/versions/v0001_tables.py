"""The tables, the roles' rights, and the triggers that keep history as it is."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Entities and keys are identifiers: byte order sorts them several times faster than a language does.
# Evidence is json, not jsonb: exactly the text that people saw, in its order.
TABLES = """
CREATE TABLE shipway.release (
    id text PRIMARY KEY CHECK (id ~ '^[a-z0-9-]+$'),
    model text NOT NULL,
    stage text NOT NULL,
    version integer NOT NULL CHECK (version > 0),
    content_digest text NOT NULL,
    image_digest text NOT NULL,
    image text NOT NULL,
    spec_digest text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    requested_by text NOT NULL
);
CREATE INDEX release_by_model ON shipway.release (model, stage, created_at);

CREATE TABLE shipway.release_event (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    release text NOT NULL REFERENCES shipway.release,
    event text NOT NULL CHECK (event IN ('staged', 'verified', 'promoted', 'failed', 'rejected', 'unanswered',
                                         'asked_again')),
    run_id text NOT NULL,
    fence bigint,
    detail jsonb NOT NULL,
    happened_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE NULLS NOT DISTINCT (release, event, run_id, fence)
);

CREATE TABLE shipway.approval (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    release text NOT NULL REFERENCES shipway.release,
    stage text NOT NULL,
    model text NOT NULL,
    version integer NOT NULL,
    evidence_digest text NOT NULL,
    evidence json NOT NULL,
    decision text NOT NULL CHECK (decision IN ('approved', 'rejected', 'unanswered')),
    responder text,
    responder_name text,
    reason text NOT NULL,
    responded_at timestamptz NOT NULL,
    run_id text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (responder IS NOT NULL OR decision = 'unanswered'),
    UNIQUE (run_id, release, responded_at)
);
CREATE INDEX approval_by_evidence ON shipway.approval (evidence_digest);
CREATE INDEX approval_by_release ON shipway.approval (release);

CREATE TABLE shipway.lease (
    model text NOT NULL,
    stage text NOT NULL,
    holder text NOT NULL,
    fence bigint NOT NULL CHECK (fence > 0),
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (model, stage)
);

CREATE TABLE shipway.scoring_log (
    id uuid PRIMARY KEY,
    model text NOT NULL,
    stage text NOT NULL,
    version integer NOT NULL,
    image_digest text NOT NULL,
    release text NOT NULL,
    origin text NOT NULL CHECK (origin IN ('client', 'golden', 'shadow')),
    entity text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    business_time timestamptz NOT NULL,
    scored_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    features jsonb NOT NULL,
    score double precision NOT NULL,
    UNIQUE (model, stage, key)
);
CREATE INDEX scoring_log_by_time ON shipway.scoring_log (model, business_time) WHERE origin = 'client';

CREATE TABLE shipway.outcome (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model text NOT NULL,
    entity text COLLATE "C" NOT NULL,
    bad smallint NOT NULL CHECK (bad IN (0, 1)),
    occurred_at timestamptz NOT NULL,
    known_at timestamptz NOT NULL,
    source text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (model, entity, occurred_at, known_at, bad)
);
CREATE INDEX outcome_by_time ON shipway.outcome (model, occurred_at);

CREATE TABLE shipway.performance (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model text NOT NULL,
    version integer NOT NULL,
    stage text NOT NULL,
    window_start timestamptz NOT NULL,
    window_end timestamptz NOT NULL,
    as_of timestamptz NOT NULL,
    scored integer NOT NULL,
    goods integer NOT NULL,
    bads integer NOT NULL,
    bad_rate double precision,
    ks double precision,
    auc double precision,
    gini double precision,
    verdict text NOT NULL CHECK (verdict IN ('healthy', 'watch', 'underperforming', 'insufficient')),
    thresholds jsonb NOT NULL,
    saved_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (model, version, stage, window_start, window_end, as_of)
);

CREATE TABLE shipway.retrain (
    model text NOT NULL,
    champion integer NOT NULL,
    cause text NOT NULL,
    run_id text NOT NULL,
    as_of timestamptz NOT NULL,
    claimed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    decision text,
    challenger integer,
    detail jsonb,
    finished_at timestamptz,
    PRIMARY KEY (model, champion, cause)
);

CREATE TABLE shipway.delivery (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model text NOT NULL,
    run_id text NOT NULL,
    event text NOT NULL,
    audience text NOT NULL,
    channel text NOT NULL,
    ok boolean NOT NULL,
    error text NOT NULL,
    noted_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX delivery_by_model ON shipway.delivery (model, id);
"""

# A statement trigger: it also stops the tables' owner, and statements that would meet no row.
APPEND_ONLY = """
CREATE FUNCTION shipway.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'shipway.% is append-only: % is refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'insufficient_privilege';
END $$;
"""
HISTORY = ("approval", "release_event", "performance", "outcome", "scoring_log")

# One set-based INSERT. Sorted by key, so that two calls with the same keys cannot lock each other out. DO NOTHING
# without a target covers the primary key as well, waits for a racing writer, and the second statement, with a snapshot
# of its own, sees the winner's committed row. A plan is kept while the table grows, so OFFSET 0 and enable_seqscan
# leave only one: a look-up in the index for each row. width_bucket searches the sorted array of new ids by halves;
# a join with it would compare each with each. SW001 is of a class that PostgreSQL leaves to others; its text and detail
# name the row of the call, never what stands in the log: that is another applicant's.
APPEND_SCORES = """
CREATE FUNCTION shipway.append_scores(rows jsonb)
RETURNS TABLE (ordinal integer, id uuid, score double precision, version integer, repeated boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET enable_seqscan = off
AS $$
#variable_conflict use_column
DECLARE
    fresh uuid[];
    answered integer := 0;
    same boolean;
BEGIN
    WITH asked AS (
        SELECT DISTINCT ON (r.model, r.stage, r.key) r.*
        FROM ROWS FROM (jsonb_to_recordset(rows) AS (
            id uuid, model text, stage text, version integer, image_digest text, release text, origin text,
            entity text, key text, business_time timestamptz, features jsonb, score double precision
        )) WITH ORDINALITY AS r (id, model, stage, version, image_digest, release, origin, entity, key,
                                 business_time, features, score, ordinal)
        ORDER BY r.model, r.stage, r.key, r.ordinal
    ), appended AS (
        INSERT INTO shipway.scoring_log (id, model, stage, version, image_digest, release, origin, entity, key,
                                         business_time, features, score)
        SELECT a.id, a.model, a.stage, a.version, a.image_digest, a.release, a.origin, a.entity, a.key,
               a.business_time, a.features, a.score
        FROM asked a
        ORDER BY a.model, a.stage, a.key
        ON CONFLICT DO NOTHING
        RETURNING id
    )
    SELECT array_agg(appended.id ORDER BY appended.id) INTO fresh FROM appended;

    FOR ordinal, id, score, version, repeated, same IN
        WITH asked AS (
            SELECT r.ordinal, r.model, r.stage, r.key, r.entity,
                   row_number() OVER (PARTITION BY r.model, r.stage, r.key ORDER BY r.ordinal) = 1 AS first
            FROM ROWS FROM (jsonb_to_recordset(rows) AS (model text, stage text, key text, entity text))
                 WITH ORDINALITY AS r (model, stage, key, entity, ordinal)
        )
        SELECT a.ordinal::integer, l.id, l.score, l.version,
               NOT (a.first AND coalesce(fresh[width_bucket(l.id, fresh)] = l.id, false)),
               l.entity IS NOT DISTINCT FROM a.entity
        FROM asked a
        CROSS JOIN LATERAL (
            SELECT s.id, s.score, s.version, s.entity FROM shipway.scoring_log s
            WHERE s.model = a.model AND s.stage = a.stage AND s.key = a.key OFFSET 0
        ) AS l
        ORDER BY a.ordinal
    LOOP
        IF NOT same THEN
            RAISE EXCEPTION 'the key of row % stands for another entity already', ordinal
                USING ERRCODE = 'SW001', DETAIL = ordinal::text;
        END IF;
        answered := answered + 1;
        RETURN NEXT;
    END LOOP;

    IF answered <> jsonb_array_length(rows) THEN
        RAISE EXCEPTION 'an id stands for another key already' USING ERRCODE = 'unique_violation';
    END IF;
END $$;
"""

RIGHTS = """
REVOKE ALL ON FUNCTION shipway.append_scores(jsonb), shipway.refuse_change() FROM PUBLIC;
GRANT USAGE ON SCHEMA shipway TO shipway_gateway, shipway_page, shipway_tasks;
GRANT EXECUTE ON FUNCTION shipway.append_scores(jsonb) TO shipway_gateway, shipway_tasks;
GRANT SELECT ON ALL TABLES IN SCHEMA shipway TO shipway_page, shipway_tasks;
GRANT INSERT ON shipway.release, shipway.release_event, shipway.approval, shipway.lease, shipway.scoring_log,
    shipway.outcome, shipway.performance, shipway.retrain, shipway.delivery TO shipway_tasks;
GRANT UPDATE (holder, fence, expires_at) ON shipway.lease TO shipway_tasks;
GRANT UPDATE (decision, challenger, detail, finished_at) ON shipway.retrain TO shipway_tasks;
"""


def upgrade() -> None:
    """Make everything."""
    # The driver's own cursor: many statements at once, and no parameters, so a percent sign is one.
    cursor = op.get_bind().connection.cursor()
    for statement in (TABLES, APPEND_ONLY, APPEND_SCORES, RIGHTS):
        cursor.execute(statement)
    for table in HISTORY:
        cursor.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON shipway.{table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION shipway.refuse_change()"
        )


def downgrade() -> None:
    """Refuse: approvals, scores and outcomes are history.

    :raises NotImplementedError: always.
    """
    raise NotImplementedError("Downgrades are not supported: restore a backup instead.")
