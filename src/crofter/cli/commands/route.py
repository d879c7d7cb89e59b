"""`crofter route`: models over several machines, as they run and as they would."""

import time

import click

from crofter.api import RouteStage, RouteSummary
from crofter.cli.client import connect
from crofter.cli.output import ago, json_option, print_json, print_table, say, size
from crofter.node import Home

_STAGE_TITLES = ("LAYERS", "AT", "MEMORY")


@click.group("route")
def route_command() -> None:
    """Models that run over several machines. A route forms by itself when a model that fits on none is asked."""


@route_command.command("ls")
@json_option()
def ls(as_json: bool) -> None:
    """The routes that were formed, and what runs over them."""
    with connect(Home.from_environment()) as client:
        routes = client.admin.routes()
    if as_json:
        print_json(routes)
        return
    now = time.time()
    rows = [
        (
            route.model,
            route.doing or route.state,
            " > ".join(stage.node for stage in route.stages),
            str(route.sessions),
            str(route.answers),
            ago(route.formed_at, now) if route.formed_at else "",
        )
        for route in routes
    ]
    empty = "no routes; one forms when a model that fits on no machine alone is asked with --radius trusted"
    print_table(("MODEL", "STATE", "OVER", "RUNNING", "ANSWERS", "FORMED"), rows, empty=empty)


@route_command.command("show")
@click.argument("model")
@json_option()
def show(model: str, as_json: bool) -> None:
    """The stages of a model's route."""
    with connect(Home.from_environment()) as client:
        route = client.admin.route(model)
    if as_json:
        print_json(route)
        return
    _print_route(route)


@route_command.command("plan")
@click.argument("model")
@json_option()
def plan(model: str, as_json: bool) -> None:
    """How a model would run now, and why so. Loads nothing."""
    with connect(Home.from_environment()) as client:
        planned = client.admin.plan_route(model)
    if as_json:
        print_json(planned)
        return
    say(f"{planned.model}: {planned.reason}")
    if planned.stages:
        _print_stages(planned.stages)
    if planned.tokens_per_second:
        say(f"about {planned.tokens_per_second:.1f} tokens a second for one answer")
    if planned.cuts:
        say(f"may be cut {planned.cuts}")


@route_command.command("rm")
@click.argument("model")
def remove(model: str) -> None:
    """Let a route go. The next request forms another one."""
    with connect(Home.from_environment()) as client:
        route = client.admin.release_route(model)
    say(f"let the route of {route.model} go")


def _print_route(route: RouteSummary) -> None:
    say(f"{route.model}: {route.doing or route.state}, {route.sessions} running, {route.answers} answered")
    _print_stages(route.stages)
    if route.tokens_per_second:
        say(f"expected: about {route.tokens_per_second:.1f} tokens a second for one answer")


def _print_stages(stages: tuple[RouteStage, ...]) -> None:
    rows = [(f"{stage.start}-{stage.stop - 1}", stage.node, size(stage.memory_bytes)) for stage in stages]
    print_table(_STAGE_TITLES, rows, empty="no stages")
