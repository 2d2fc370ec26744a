import json

from airflow.sdk import Connection
from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict

from shipway_airflow.hooks.rooms import libpq_url

# What PostgreSQL itself can take: any characters but NUL.
TEXT = st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1, max_size=40)


def url(**parts):
    return libpq_url(Connection(conn_id="shipway_records", conn_type="postgres", **parts))


@given(login=TEXT, password=TEXT, schema=TEXT)
def test_libpq_reads_back_any_login_password_and_database(login, password, schema):
    found = conninfo_to_dict(url(host="db.example", port=5433, login=login, password=password, schema=schema))
    assert found == {
        "user": login,
        "password": password,
        "dbname": schema,
        "host": "db.example",
        "port": "5433",
    }


@given(folder=st.text("abcz/ .-_+&%=é", min_size=1, max_size=30), port=st.none() | st.integers(1, 65535))
def test_a_host_that_is_a_folder_is_a_unix_socket(folder, port):
    found = conninfo_to_dict(url(host=f"/{folder}", port=port, login="ada", schema="records"))
    wanted = {"user": "ada", "dbname": "records", "host": f"/{folder}"}
    assert found == wanted | ({"port": str(port)} if port else {})


@given(certificate=TEXT)
def test_tls_settings_of_the_extra_are_carried_on(certificate):
    extra = {"sslmode": "verify-full", "sslrootcert": certificate, "cursor": "dictcursor"}
    found = conninfo_to_dict(url(host="h", login="ada", extra=json.dumps(extra)))
    assert (found["sslmode"], found["sslrootcert"]) == ("verify-full", certificate)
    assert "cursor" not in found


def test_what_is_left_out_is_localhost_and_the_database_shipway():
    assert conninfo_to_dict(url(login="ada")) == {"user": "ada", "host": "localhost", "dbname": "shipway"}


def test_an_address_of_version_6_stays_one_host():
    assert conninfo_to_dict(url(host="::1", port=5432, login="ada"))["host"] == "::1"


def test_several_hosts_stay_several_hosts():
    found = conninfo_to_dict(url(host="a.example:5433,b.example:5434", login="ada"))
    assert (found["host"], found["port"]) == ("a.example,b.example", "5433,5434")


def test_a_connection_without_login_leaves_it_to_libpq():
    assert "user" not in conninfo_to_dict(url(host="h"))
