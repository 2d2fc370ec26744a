"""What the tests of the steps put into a home by hand: releases that nothing runs, scores, outcomes, outages."""

import json
import shutil
from datetime import UTC, datetime

from integration.steps.steps_world import MODEL

AS_OF = datetime(2026, 3, 1, tzinfo=UTC).isoformat()
SCORED, OCCURRED, KNOWN = (datetime(2026, 2, day, tzinfo=UTC) for day in (5, 18, 25))
_SCORES = (
    "INSERT INTO shipway.scoring_log (id, model, stage, version, image_digest, release, origin, entity, key,"
    " business_time, features, score) VALUES (gen_random_uuid(), 'credit', %s, %s, 'sha256:i', 'r', 'client', %s, %s,"
    " %s, %s, %s)"
)
_OUTCOMES = (
    "INSERT INTO shipway.outcome (model, entity, bad, occurred_at, known_at, source)"
    " VALUES ('credit', %s, %s, %s, %s, 'test')"
)


def weigh(home, *, income):
    """What the next training will learn."""
    (home.folder / "models" / MODEL / "weights.json").write_text(json.dumps({"income": income, "bias": -1.0}))


def release(home, *, version=1, run_id="run-1", image="sha256:" + "1" * 64, promoted=True):
    """Put a release into the records as if it had been released; nothing runs."""
    from shipway.records.releases import append_event, open_release

    rooms = home.rooms
    manifest = rooms.registry.get(MODEL, version)
    one = open_release(
        rooms.records,
        model=MODEL,
        stage="production",
        version=version,
        content_digest=manifest.content_digest,
        image_digest=image,
        image=f"images@{image}",
        spec_digest=rooms.spec_digest,
        requested_by=run_id,
    )
    if promoted:
        append_event(rooms.records, one.id, "promoted", run_id=run_id, detail={})
    return one


def field_data(home, *, number=240, score=lambda income: 0.5, version=1, stage="production", prefix="F", known=KNOWN):
    """Applicants whose income tells bads from goods, scored in the window, with outcomes."""
    people = [(f"{prefix}{one:04}", one / number, int(one >= number / 2)) for one in range(number)]
    home.write(
        _SCORES,
        [
            (stage, version, who, f"{stage}-{version}-{who}", SCORED, features(income), score(income))
            for who, income, _ in people
        ],
    )
    home.write(_OUTCOMES, [(who, bad, OCCURRED, known) for who, _, bad in people])


def features(income):
    return json.dumps({"INCOME": income, "REGION": "north"})


def registry_away(home):
    """Move the registry's folder away; the returned function brings it back."""
    place, away = home.folder / "var" / "registry", home.folder / "var" / "away"
    place.rename(away)

    def back():
        shutil.rmtree(place, ignore_errors=True)
        away.rename(place)

    return back
