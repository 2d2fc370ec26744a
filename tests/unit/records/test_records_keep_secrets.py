import socket
import traceback

import pytest

from shipway.errors import RecordsUnavailable
from shipway.records.database import Records, place, plain
from shipway.records.migrate import migrate

SECRET = "hunter2"


def nothing_listens():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def open_records(url):
    with Records(url, connect_timeout=2).transaction():
        pass


def migrate_with_password(url):
    migrate(url, passwords={"shipway_tasks": SECRET})


ADDRESSES = [
    f"postgresql://anna:{SECRET}@127.0.0.1:{{port}}/shipway",
    f"postgresql+psycopg://anna:{SECRET}@127.0.0.1:{{port}}/shipway",
    f"postgresql://anna@127.0.0.1:{{port}}/shipway?password={SECRET}",
    f"host=127.0.0.1 port={{port}} user=anna password={SECRET} dbname=shipway",
    f"postgresql://anna:a@{SECRET}@127.0.0.1:{{port}}/shipway",
    f"postgresql://anna:a/{SECRET}@127.0.0.1:{{port}}/shipway",
    f"postgresql://anna:1/{SECRET}@127.0.0.1:{{port}}/shipway",
    f"postgresql://anna:a#{SECRET}?@127.0.0.1:{{port}}/shipway",
    f"postgresql://anna:%zz{SECRET}@127.0.0.1:{{port}}/shipway",
    f"postgresql:/anna:{SECRET}@127.0.0.1:{{port}}/shipway",
    f"mysql://anna:{SECRET}@127.0.0.1:{{port}}/shipway",
    f"anna:{SECRET}@127.0.0.1",
]


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("use", [open_records, migrate_with_password])
def test_no_error_shows_a_password(address, use):
    url = address.format(port=nothing_listens())
    with pytest.raises(RecordsUnavailable) as caught:
        use(url)
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value.data)
    # The calling lines of this file are part of a traceback, values are not.
    assert SECRET not in shown
    assert caught.value.__suppress_context__


def test_an_error_says_where_and_what():
    port = nothing_listens()
    with pytest.raises(RecordsUnavailable, match=f"at 127.0.0.1:{port}/shipway does not answer: nothing listens"):
        open_records(f"postgresql://anna:x@127.0.0.1:{port}/shipway")


def test_a_server_that_accepts_and_says_nothing_costs_only_the_time_limit():
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"postgresql://anna@127.0.0.1:{mute.getsockname()[1]}/shipway"
        with pytest.raises(RecordsUnavailable, match="no answer in time"):
            open_records(url)


def test_the_address_is_not_in_the_repr():
    assert SECRET not in repr(Records(f"postgresql://anna:{SECRET}@h/d"))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://anna:x@db.bank:5433/shipway", "at db.bank:5433/shipway"),
        ("postgresql://anna@/shipway?host=/var/lib/pg", "at /var/lib/pg/shipway"),
        ("postgresql://anna:p@ss@db.bank/shipway", ""),
    ],
)
def test_the_place_is_shown_when_nothing_can_hide_in_it(url, expected):
    assert place(url) == expected


def test_the_spelling_of_sqlalchemy_is_understood():
    assert plain("postgresql+psycopg://a@h/d") == plain("postgres+psycopg2://a@h/d") == "postgresql://a@h/d"
