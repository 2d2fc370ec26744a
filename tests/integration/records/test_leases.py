import concurrent.futures
import threading

import pytest

from shipway.errors import LeaseHeld, StaleFence
from shipway.records import leases, releases
from shipway.records.database import Records

PLACE = ("credit_line", "production")


@pytest.fixture
def living(records):
    """Read holder and fence of the lease that lives, if one does."""

    def read():
        query = "SELECT holder, fence FROM shipway.lease WHERE (model, stage) = (%s, %s) AND expires_at > now()"
        with records.transaction() as connection:
            row = connection.execute(query, PLACE).fetchone()
        return row and (row["holder"], row["fence"])

    return read


def test_a_lease_is_taken_and_given_back(records, living):
    lease = leases.acquire(records, *PLACE, "run 1", seconds=60)
    assert (lease.model, lease.stage, lease.holder, lease.fence) == (*PLACE, "run 1", 1)
    assert living() == (lease.holder, lease.fence)
    leases.release_lease(records, lease)
    assert living() is None


def test_the_fence_rises_with_every_acquisition_also_of_the_same_holder(records):
    first = leases.acquire(records, *PLACE, "run 1", seconds=60)
    second = leases.acquire(records, *PLACE, "run 1", seconds=60)
    leases.release_lease(records, second)
    third = leases.acquire(records, *PLACE, "run 2", seconds=60)
    assert [first.fence, second.fence, third.fence] == [1, 2, 3]


def test_another_holder_is_refused_and_told_who_has_it(records, living):
    held = leases.acquire(records, *PLACE, "run 1", seconds=60)
    with pytest.raises(LeaseHeld, match="run 1 is releasing") as caught:
        leases.acquire(records, *PLACE, "run 2", seconds=60)
    assert caught.value.data == {"holder": "run 1", "expires_at": held.expires_at.isoformat()}
    assert living() == (held.holder, held.fence)


def test_another_stage_or_model_has_a_lease_of_its_own(records):
    leases.acquire(records, *PLACE, "run 1", seconds=60)
    assert leases.acquire(records, "credit_line", "test", "run 2", seconds=60).fence == 1
    assert leases.acquire(records, "other", "production", "run 2", seconds=60).fence == 1


def test_an_expired_lease_is_taken_over(records, living):
    old = leases.acquire(records, *PLACE, "run 1", seconds=0)
    assert living() is None
    leases.check(records, old)  # nobody took it: still good
    new = leases.acquire(records, *PLACE, "run 2", seconds=60)
    assert new.fence == 2
    with pytest.raises(StaleFence, match="Attempt 1 on credit_line/production was overtaken by attempt 2") as caught:
        leases.check(records, old)
    assert (caught.value.data["found"], caught.value.data["holder"]) == (2, "run 2")
    leases.release_lease(records, old)  # does nothing
    assert living() == (new.holder, new.fence)


def test_an_older_attempt_of_the_same_run_is_stale(records, living):
    old = leases.acquire(records, *PLACE, "run 1", seconds=60)
    new = leases.acquire(records, *PLACE, "run 1", seconds=60)
    leases.release_lease(records, old)
    assert living() == (new.holder, new.fence)
    with pytest.raises(StaleFence):
        leases.check(records, old)


def test_a_lease_that_never_was_is_stale(records, day):
    with pytest.raises(StaleFence):
        leases.check(records, leases.Lease(*PLACE, "run 1", 1, day(0)))


def test_of_sixteen_holders_one_gets_it(records, living):
    start = threading.Barrier(16)

    def race(number):
        start.wait(timeout=30)
        try:
            return leases.acquire(records, *PLACE, f"run {number}", seconds=60)
        except LeaseHeld:
            return None

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        won = [lease for lease in pool.map(race, range(16)) if lease]
    assert [lease.fence for lease in won] == [1]
    assert living() == (won[0].holder, won[0].fence)


def test_sixteen_attempts_of_one_run_get_sixteen_fences(records):
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        taken = list(pool.map(lambda _: leases.acquire(records, *PLACE, "run", seconds=60), range(16)))
    assert sorted(lease.fence for lease in taken) == list(range(1, 17))


def test_an_overtaken_attempt_writes_no_event(records, opened):
    release = opened()
    old = leases.acquire(records, *PLACE, "run", seconds=60)
    new = leases.acquire(records, *PLACE, "run", seconds=60)
    with pytest.raises(StaleFence):
        releases.append_event(records, release.id, "promoted", run_id="run", detail={}, lease=old)
    assert releases.events(records, release.id) == []
    assert releases.append_event(records, release.id, "promoted", run_id="run", detail={}, lease=new)
    assert releases.events(records, release.id)[0]["fence"] == new.fence


def test_nobody_overtakes_between_the_check_and_the_write(records, records_url):
    lease = leases.acquire(records, *PLACE, "run", seconds=60)
    impatient = Records(records_url("shipway_tasks"), statement_timeout=30)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        with records.transaction() as connection:
            leases.check_locked(connection, lease)
            overtaking = pool.submit(leases.acquire, impatient, *PLACE, "run", seconds=60)
            with pytest.raises(concurrent.futures.TimeoutError):
                overtaking.result(timeout=0.5)
        assert overtaking.result(timeout=30).fence == 2
