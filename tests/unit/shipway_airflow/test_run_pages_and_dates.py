from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowFailException

from shipway.errors import GoldenMismatch, LeaseHeld
from shipway_airflow.operators.measure import business_date
from shipway_airflow.operators.step import judged, run_url

DUE = datetime(2026, 4, 2, 3, tzinfo=UTC)
END = datetime(2026, 4, 1, 3, tzinfo=UTC)


def page(monkeypatch, base, run_id="manual__1", below=""):
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", base)
    return run_url({"ti": SimpleNamespace(dag_id="hmeq_release"), "run_id": run_id}, below)


@pytest.mark.parametrize("base", ["https://bank.example/airflow", "https://bank.example/airflow/"])
def test_a_run_is_found_below_a_base_path(monkeypatch, base):
    assert page(monkeypatch, base) == "https://bank.example/airflow/dags/hmeq_release/runs/manual__1"


def test_a_run_is_found_without_a_base_path(monkeypatch):
    assert page(monkeypatch, "http://127.0.0.1:8080") == "http://127.0.0.1:8080/dags/hmeq_release/runs/manual__1"


def test_the_signs_of_a_run_id_do_not_change_the_address(monkeypatch):
    address = page(
        monkeypatch, "http://a", "manual__2026-04-01T03:00:00+00:00/x?y#z", "/tasks/approve/required_actions"
    )
    assert address == (
        "http://a/dags/hmeq_release/runs/manual__2026-04-01T03%3A00%3A00%2B00%3A00%2Fx%3Fy%23z"
        "/tasks/approve/required_actions"
    )


def context(as_of="", end=END):
    return {
        "params": {"as_of": as_of},
        "data_interval_end": end,
        "dag_run": SimpleNamespace(run_after=DUE),
    }


def test_the_forms_date_comes_first_and_means_utc():
    assert business_date(context("2026-01-31")) == datetime(2026, 1, 31, tzinfo=UTC)


def test_a_zone_in_the_form_is_kept():
    east = timezone(timedelta(hours=2))
    assert business_date(context("2026-01-31T12:00:00+02:00")) == datetime(2026, 1, 31, 12, tzinfo=east)


def test_without_a_form_the_data_interval_ends_the_window():
    assert business_date(context()) == END


def test_a_run_without_data_interval_has_the_date_at_which_it_was_due():
    assert business_date(context(end=None)) == DUE


class Kept:
    """Stands where Airflow keeps XComs."""

    def __init__(self):
        self.xcoms = {}

    def xcom_push(self, key, value):
        self.xcoms[key] = value


def test_an_error_that_would_come_again_is_not_retried_and_its_text_is_kept():
    kept = Kept()
    with pytest.raises(AirflowFailException, match="row 3 differs"), judged({"ti": kept}):
        raise GoldenMismatch("row 3 differs")
    assert kept.xcoms == {"error": "row 3 differs"}


def test_an_error_that_may_pass_is_left_to_airflows_retries():
    with pytest.raises(LeaseHeld), judged({"ti": Kept()}):
        raise LeaseHeld("another run is releasing")
