"""After everything else has run: the planted secrets stand nowhere."""

import pytest
from e2e.world import MODEL, SECRETS

from shipway import api
from shipway.records import embedded

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

#: Where secrets may lie: readable by the owner only, and made for this installation.
VAULT = {"airflow/passwords.json", "airflow/fernet", "airflow/secret_key", "airflow/jwt_secret"}


@pytest.fixture(scope="module")
def secrets(world) -> dict[str, bytes]:
    """Every planted secret, and those that the installation made for itself."""
    var = world.home / "var"
    made = {name: (var / name).read_bytes().strip() for name in VAULT if not name.endswith(".json")}
    users = {f"password of {user}": password.encode() for user, password in world.airflow.passwords().items()}
    return {**{name: value.encode() for name, value in SECRETS.items()}, **made, **users}


def test_no_file_of_a_whole_life_holds_a_secret(world, champion, secrets):
    var = world.home / "var"
    files = [file for file in var.rglob("*") if file.is_file() and "postgres" not in file.relative_to(var).parts[0]]
    searched = [file for file in files if str(file.relative_to(var)) not in VAULT]
    assert any("logs" in file.parts for file in searched)
    assert any("images" in file.parts for file in searched)
    found = {
        (name, str(file.relative_to(var)))
        for file in searched
        for name, secret in secrets.items()
        if secret in file.read_bytes()
    }
    assert not found
    assert all((var / name).stat().st_mode & 0o077 == 0 for name in VAULT)


@pytest.mark.parametrize("database", ["airflow", "shipway"])
def test_no_row_of_the_databases_holds_a_secret_in_the_clear(world, champion, secrets, database):
    import psycopg

    with psycopg.connect(embedded.url(world.home / "var" / "postgres", "postgres", database)) as connection:
        tables = connection.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        content = {
            table: "\n".join(row[0] for row in connection.execute(f"SELECT t::text FROM {table} t").fetchall())
            for (table,) in tables
        }
    assert sum(map(len, content.values())) > 10_000
    found = {(n, table) for table, text in content.items() for n, secret in secrets.items() if secret.decode() in text}
    assert not found


def test_the_planted_secrets_were_used(world, champion):
    assert world.teams.cards, "no card came to the webhook whose address is a secret"
    assert all(card["attachments"][0]["content"]["type"] == "AdaptiveCard" for card in world.teams.cards)
    undelivered = api.status(MODEL)["undelivered"]
    assert {row["channel"] for row in undelivered} == {"mail"}, "the dead mail server is visible, and nothing else"
