"""``shipway up``, ``shipway stop`` and ``shipway demo``: the embedded default on this machine."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from shipway.cli.embedded.airflow import USERS, EmbeddedAirflow
from shipway.cli.embedded.stack import Ports, Stack

app = typer.Typer()
console = Console()

#: The checkout: the folder that holds ``include``.
PROJECT = Path(__file__).resolve().parents[4]

Port = Annotated[int, typer.Option(help="Wanted port of Airflow; a busy one is replaced by a free one.")]
RouterPort = Annotated[int, typer.Option(help="Wanted port of the first stage's router.")]


class Approver(StrEnum):
    """Who answers the approvals of the demo."""

    VALIDATOR = "validator"
    ME = "me"


@app.command()
def up(port: Port = 8080, router_port: RouterPort = 8500) -> None:
    """Start PostgreSQL, Airflow and the local target on this machine."""
    airflow = Stack(PROJECT, ports=Ports(port, router_port), say=_say).up()
    introduce(airflow)


@app.command()
def stop() -> None:
    """Stop everything that `up` or `demo` started; nothing is lost."""
    stopped = Stack(PROJECT, say=_say).down()
    console.print(f"stopped {len(stopped)} processes" if stopped else "nothing was running")


@app.command()
def demo(
    data: Annotated[Path | None, typer.Option(help="Folder with hmeq.csv and HMEQPERF_<n>_Q<n>.csv.")] = None,
    approve: Annotated[
        Approver, typer.Option(help="'validator' answers by itself; 'me' waits for you in the UI.")
    ] = Approver.VALIDATOR,
    port: Port = 8080,
    router_port: RouterPort = 8500,
) -> None:
    """Run the life of the model hmeq through the real scheduler, from registration to retraining."""
    from shipway.cli.embedded.story import Story

    stack = Stack(PROJECT, ports=Ports(port, router_port), say=_say)
    story = Story(stack, data=data.resolve() if data else None, wait_for_me=approve is Approver.ME)
    airflow = story.tell()
    introduce(airflow)


def introduce(airflow: EmbeddedAirflow) -> None:
    """Print where Airflow is and who may enter; the passwords are the demo's own."""
    console.print(f"\nAirflow is running on [bold]{airflow.url}[/bold]  (stop it with `make stop`)")
    passwords = airflow.passwords()
    for user, role in USERS.items():
        console.print(f"  {user:10} {passwords[user]:16} {role}", highlight=False)


def _say(line: str) -> None:
    console.print(f"• {line}", highlight=False, markup=False, soft_wrap=True)
