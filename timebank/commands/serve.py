"""`timebank serve`."""

import logging
import socket
from contextlib import closing, suppress
from typing import Annotated

import typer

from timebank.base.errors import Invalid, Unwritable
from timebank.base.i18n import say
from timebank.commands.door import Door, reading

app = typer.Typer(add_completion=False)
PORT_MAX = 65_535
_BACKLOG = 128


@reading(app, "serve", example="timebank serve --host 127.0.0.1 --port 8737")
def serve(
    door: Door,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 is every one of this computer.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8737,
) -> None:
    """Serve the merchants' counter to their phones, and the API to their tills, until it is stopped with Ctrl-C."""
    if not 1 <= port <= PORT_MAX:
        raise Invalid(say("There is no port {port}.", port=port), "bad_port", say("Use 8737, or another from 1024 to 65535."))
    try:
        import uvicorn

        from timebank.web.app import create
        from timebank.web.door import Door as WebDoor
    except ModuleNotFoundError as error:
        raise Invalid(
            say("What serves pages is not installed: {module} is missing.", module=error.name or ""),
            "no_web",
            say("Install it: pip install 'timebank[web]'"),
        ) from error
    with closing(_listening(host, port)) as listening:
        book = WebDoor.open(door.config)
        try:
            logging.basicConfig(level=logging.WARNING, format="%(message)s")
            door.screen.note(say("The counter is at http://{host}:{port}/ until Ctrl-C.", host=host, port=port))
            # No log of requests: their addresses hold tokens.
            wanted = uvicorn.Config(create(book), access_log=False, log_level="warning", server_header=False)
            with suppress(KeyboardInterrupt):
                uvicorn.Server(wanted).run(sockets=[listening])
        finally:
            book.engine.dispose()


def _listening(host: str, port: int) -> socket.socket:
    """Listen before anything else is begun. Raises Unwritable `port_taken`."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise Unwritable(
            say("Nothing can be served at {host}:{port}: {cause}.", host=host, port=port, cause=error.strerror or "?"),
            "port_taken",
            say("Another program may be there already; choose another --port or --host."),
        ) from error
