"""`timebank serve`."""

import logging
from typing import Annotated

import typer

from timebank.base.errors import Invalid
from timebank.base.i18n import say
from timebank.commands.door import Door, reading

app = typer.Typer(add_completion=False)
PORT_MAX = 65_535


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
    book = WebDoor.open(door.config)
    try:
        logging.basicConfig(level=logging.WARNING, format="%(message)s")
        door.screen.note(say("The counter is at http://{host}:{port}/ until Ctrl-C.", host=host, port=port))
        # No log of requests: their addresses hold tokens.
        uvicorn.run(create(book), host=host, port=port, access_log=False, log_level="warning", server_header=False)
    finally:
        book.engine.dispose()
