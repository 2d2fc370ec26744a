"""The command ``shipway``: what people do from a terminal. Each command is one call of :mod:`shipway.api`."""

from __future__ import annotations

import csv
import json
import math
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Column, Table

from shipway import api
from shipway.cli import simulation
from shipway.cli.embedded import commands as embedded
from shipway.errors import ShipwayError
from shipway.spec.reading import read_all, read_environment
from shipway.spec.storable import environment_problems

app = typer.Typer(
    help="Continuous delivery for TensorFlow models: register, release, score, measure.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(embedded.app)
console = Console()

Model = Annotated[str, typer.Argument(help="Name of the model: its folder below include/models.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@app.command()
def register(
    model: Model,
    directory: Annotated[Path, typer.Argument(help="Folder of the SavedModel.")],
    metric: Annotated[list[str] | None, typer.Option(help="A figure for the approver, name=value; repeatable.")] = None,
    by: Annotated[str | None, typer.Option(help="Who registers it; this person cannot approve it.")] = None,
    parent: Annotated[int | None, typer.Option(help="Version that it shall replace.")] = None,
) -> None:
    """Check a SavedModel, let it answer the golden requests, and register it as a new version."""
    with console.status(escape(f"checking {directory}")):
        manifest = api.register(model, directory, by=by, metrics=_metrics(metric or []), parent=parent)
    console.print(f"{escape(model)} version [bold]{manifest.version}[/bold], {manifest.content_digest}")


@app.command()
def train(
    model: Model,
    development: Annotated[Path, typer.Argument(help="CSV with the entity, every input and the target.")],
    by: Annotated[str | None, typer.Option(help="Who registers it; this person cannot approve it.")] = None,
) -> None:
    """Train the first version on development data, measure it on held-back applicants, and register it."""
    with console.status(escape(f"training {model} on {development}")):
        manifest, measured = api.train(model, development, by=by)
    console.print(
        f"{escape(model)} version [bold]{manifest.version}[/bold]: KS {measured['challenger_ks']:.3f}, "
        f"AUC {measured['challenger_auc']:.3f} on {measured['entities']} held-back applicants"
    )


@app.command()
def versions(model: Model, as_json: AsJson = False) -> None:
    """List the versions of a model, with aliases, metrics and who registered them."""
    rows = api.versions(model)
    if as_json:
        _print_json(rows)
        return
    table = Table("version", "aliases", "decision", "metrics", "registered by", "parent", "content digest")
    for row in rows:
        metrics = ", ".join(f"{name} {value:.3f}" for name, value in row["metrics"].items())
        _add_row(
            table,
            str(row["version"]),
            ", ".join(row["aliases"]),
            row["decision"],
            metrics,
            row["registered_by"],
            str(row["parent"] or ""),
            row["content_digest"][:19],
        )
    console.print(table)


@app.command()
def score(
    model: Model,
    data: Annotated[Path, typer.Argument(help="CSV of applicants: the entity and every input.")],
    out: Annotated[Path | None, typer.Option(help="CSV to write; else the scores are printed.")] = None,
    endpoint: Annotated[str | None, typer.Option(help="Base URL; else that of the last stage.")] = None,
    batch: Annotated[int, typer.Option(min=1, max=1000, help="Applicants in one request.")] = api.BATCH,
) -> None:
    """Score applicants through the endpoint; the same file again gives the same scores and no second rows."""
    if out and not out.absolute().parent.is_dir():
        raise typer.BadParameter(f"there is no folder {out.absolute().parent}.", param_hint="--out")
    rows = api.read_rows(model, data)
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(escape(f"scoring {data.name}"), total=len(rows))
        answers = list(
            api.score(model, rows, endpoint=endpoint, batch=batch, progress=lambda count: bar.advance(task, count))
        )
    with out.open("w", newline="") if out else nullcontext(sys.stdout) as stream:
        writer = csv.DictWriter(stream, fieldnames=["entity", "id", "score", "version"])
        writer.writeheader()
        writer.writerows(answers)


@app.command()
def simulate(
    model: Model,
    rate: Annotated[float, typer.Option(min=0.01, help="Requests a second.")] = 10.0,
    seconds: Annotated[float, typer.Option(min=0, help="How long; 0: until it is stopped.")] = 0.0,
    data: Annotated[Path | None, typer.Option(help="CSV of applicants; else the golden requests.")] = None,
    endpoint: Annotated[str | None, typer.Option(help="Base URL; else that of the last stage.")] = None,
    as_json: AsJson = False,
) -> None:
    """Be a client application that keeps sending requests, and count what it gets. Stop with Ctrl-C."""
    result = simulation.run(model, rate=rate, seconds=seconds, data=data, endpoint=endpoint, quiet=as_json)
    if as_json:
        _print_json(result)
    if result["failed"]:
        raise typer.Exit(1)


@app.command()
def outcomes(
    model: Model,
    data: Annotated[Path, typer.Argument(help="CSV: entity, target, OCCURRED_AT, KNOWN_AT.")],
) -> None:
    """Add outcomes: what became of the applicants. The same file again adds nothing; a correction is a new row."""
    console.print(f"{api.outcomes(model, data)} new outcomes of {escape(model)}")


@app.command()
def performance(model: Model, as_json: AsJson = False) -> None:
    """List what was measured of a model, with the verdicts."""
    rows = api.performance(model)
    if as_json:
        _print_json(rows)
        return
    table = Table("as of", "version", "KS", "AUC", "goods", "bads", "verdict")
    for row in rows:
        figures = [f"{row[name]:.4f}" if row[name] is not None else "–" for name in ("ks", "auc")]
        counts = [str(row["goods"]), str(row["bads"])]
        _add_row(table, f"{row['as_of']:%Y-%m-%d}", str(row["version"]), *figures, *counts, row["verdict"])
    console.print(table)


@app.command()
def status(model: Model, as_json: AsJson = False) -> None:
    """Show what shall serve and what really does, and the messages that did not arrive."""
    found = api.status(model)
    if as_json:
        _print_json(found)
        return
    table = Table("stage", Column("release", no_wrap=True), "version", "state", "traffic", "intended")
    for name, stage in found["stages"].items():
        console.print(f"{name}: {stage['endpoint'] or 'no endpoint'}", highlight=False, markup=False)
        if stage["problem"]:
            console.print(f"{name}: {stage['problem']}", style="red", markup=False)
        for one in stage["releases"]:
            intended = "yes" if one["release"] == stage["intended"] else ""
            share = f"{one['weight']} %"
            _add_row(table, name, one["release"], str(one["version"]), one["state"], share, intended)
    console.print(table)
    for row in found["undelivered"]:
        line = f"not delivered: {row['event']} to {row['audience']} by {row['channel']}: {row['error']}"
        console.print(line, style="yellow", markup=False)


@app.command()
def check() -> None:
    """Check the environment file, every model's folder and its golden requests; print all problems at once."""
    problems = [str(problem) for problem in read_all()[1]]
    try:
        problems += [str(problem) for problem in environment_problems(read_environment())]
    except ShipwayError as error:
        problems.append(str(error))
    for problem in problems:
        console.print(f"[red]✗[/red] {escape(problem)}", soft_wrap=True)
    if problems:
        raise typer.Exit(1)
    console.print("[green]✓[/green] every spec is in order")


def main() -> None:
    """Run the command; an error of ours is one sentence and exit code 1, not a traceback."""
    try:
        app()
    except ShipwayError as error:
        Console(stderr=True).print(f"[red]✗[/red] {escape(str(error))}", soft_wrap=True)
        raise SystemExit(1) from None


def _metrics(pairs: list[str]) -> dict[str, float]:
    metrics = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        try:
            metrics[name] = float(value)
        except ValueError:
            raise typer.BadParameter(f"'{pair}' is not name=number.", param_hint="--metric") from None
        if not name or not math.isfinite(metrics[name]):
            raise typer.BadParameter(f"'{pair}' is not name=number.", param_hint="--metric")
    return metrics


def _add_row(table: Table, *cells: str) -> None:
    """Add a row whose words come from people: they are not markup."""
    table.add_row(*(escape(cell) for cell in cells))


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, default=str))


if __name__ == "__main__":
    main()
