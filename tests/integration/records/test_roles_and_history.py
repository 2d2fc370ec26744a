import psycopg
import pytest
from psycopg import errors
from psycopg.types.json import Jsonb

from shipway.errors import RecordsError
from shipway.records.database import Records

TABLES = {
    "release",
    "release_event",
    "approval",
    "lease",
    "scoring_log",
    "outcome",
    "performance",
    "retrain",
    "delivery",
}
HISTORY = {"approval", "release_event", "performance", "outcome", "scoring_log"}
CHANGEABLE = {
    "lease": {"holder", "fence", "expires_at"},
    "retrain": {"decision", "challenger", "detail", "finished_at"},
}


@pytest.fixture
def rights(database):
    """Return the privileges of a role on tables, as the server itself sees them."""

    def of(role):
        with psycopg.connect(database) as connection:
            rows = connection.execute(
                "SELECT c.relname, p FROM pg_class c, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE',"
                " 'REFERENCES', 'TRIGGER']) p WHERE c.relnamespace = 'shipway'::regnamespace AND c.relkind = 'r'"
                " AND has_table_privilege(%s, c.oid, p)",
                (role,),
            ).fetchall()
            columns = connection.execute(
                "SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
                " WHERE c.relnamespace = 'shipway'::regnamespace AND c.relkind = 'r' AND a.attnum > 0"
                " AND has_column_privilege(%s, c.oid, a.attnum, 'UPDATE')",
                (role,),
            ).fetchall()
        changeable = {}
        for table, column in columns:
            changeable.setdefault(table, set()).add(column)
        return {right: {table for table, kind in rows if kind == right} for _, right in rows}, changeable

    return of


def test_the_gateway_has_no_right_on_any_table(rights):
    assert rights("shipway_gateway") == ({}, {})


def test_the_page_only_reads(rights):
    assert rights("shipway_page") == ({"SELECT": TABLES | {"migration"}}, {})


def test_the_tasks_read_and_insert_and_change_only_leases_and_retrains(rights):
    assert rights("shipway_tasks") == ({"SELECT": TABLES | {"migration"}, "INSERT": TABLES}, CHANGEABLE)


def test_no_role_is_more_than_it_must_be(database):
    with psycopg.connect(database) as connection:
        rows = connection.execute(
            "SELECT rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls, rolcanlogin FROM pg_roles"
            " WHERE rolname LIKE 'shipway\\_%'"
        ).fetchall()
        assert rows == [(False, False, False, False, False, True)] * 3
        makers = connection.execute(
            "SELECT rolname FROM pg_roles WHERE rolname LIKE 'shipway\\_%'"
            " AND has_schema_privilege(rolname, 'shipway', 'CREATE')"
        )
        assert makers.fetchall() == []


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("shipway_gateway", "SELECT score FROM shipway.scoring_log"),
        ("shipway_gateway", "SELECT * FROM shipway.approval"),
        ("shipway_gateway", "INSERT INTO shipway.delivery VALUES (DEFAULT)"),
        ("shipway_page", "SELECT * FROM shipway.append_scores('[]')"),
        ("shipway_page", "INSERT INTO shipway.lease VALUES ('a', 'b', 'c', 1, now())"),
        ("shipway_tasks", "DELETE FROM shipway.lease"),
        ("shipway_tasks", "UPDATE shipway.retrain SET run_id = 'mine'"),
        ("shipway_tasks", "UPDATE shipway.approval SET decision = 'approved'"),
        ("shipway_tasks", "TRUNCATE shipway.scoring_log"),
        ("shipway_tasks", "ALTER TABLE shipway.approval DISABLE TRIGGER append_only"),
        ("shipway_tasks", "CREATE TABLE shipway.mine (id int)"),
    ],
)
def test_what_a_role_may_not_is_refused(records_url, role, statement):
    with psycopg.connect(records_url(role)) as connection, pytest.raises(errors.InsufficientPrivilege):
        connection.execute(statement)


def test_the_gateway_appends_without_reading(records_url, score_row):
    with psycopg.connect(records_url("shipway_gateway")) as connection:
        row = connection.execute("SELECT repeated FROM shipway.append_scores(%s)", (Jsonb([score_row()]),)).fetchone()
    assert row == (False,)


@pytest.mark.parametrize("table", sorted(HISTORY))
@pytest.mark.parametrize("statement", ["UPDATE {} SET {}", "DELETE FROM {}", "TRUNCATE {}"])
def test_history_refuses_even_the_administrator(database, table, statement):
    column = "run_id = run_id" if table == "release_event" else "model = model"
    refusal = pytest.raises(errors.InsufficientPrivilege, match=f"shipway.{table} is append-only")
    with psycopg.connect(database) as connection, refusal:  # no row is needed for it
        connection.execute(statement.format(f"shipway.{table}", column))


def test_a_refusal_is_an_error_of_the_tree(database):
    records = Records(database)
    with pytest.raises(RecordsError, match="approval is append-only: DELETE is refused"), records.transaction() as one:
        one.execute("DELETE FROM shipway.approval")
