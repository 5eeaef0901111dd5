"""A small extension of the Jupyter server: what a kernel answers is sent at once.

A kernel's answer to one move of a slider is several small messages. The server leaves Nagle's algorithm on, so the
later ones wait until the browser has acknowledged the first, about 40 ms on Linux, and the next move waits for them.
The file `etc/jupyter/jupyter_server_config.d/marginlib.json` of the wheel switches this extension on.
"""

from __future__ import annotations

from typing import Any

__all__: list[str] = []

_SETTING = "kernel_websocket_connection_class"


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    """Return where the extension stands."""
    return [{"module": "marginlib.jupyter.server"}]


def _load_jupyter_server_extension(server: Any) -> None:  # noqa: ANN401 - Jupyter's ServerApp
    """Let this server's kernel connections send at once; a server that has changed is left as it is, with a warning."""
    try:
        server.web_app.settings[_SETTING] = _prompt(server.web_app.settings[_SETTING], server.log)
    except Exception as error:  # noqa: BLE001 - sliders may lag; the server must start
        server.log.warning("marginlib: sliders may lag, Nagle's algorithm stays on: %r", error)


def _prompt(connection: Any, log: Any) -> Any:  # noqa: ANN401
    """Return the class of kernel connections whose sockets do not wait for a full packet."""

    class Prompt(connection):  # type: ignore[misc] # a class that is known when the server runs
        def connect(self) -> Any:  # noqa: ANN401
            try:
                self.websocket_handler.set_nodelay(True)
            except Exception as error:  # noqa: BLE001
                log.warning("marginlib: sliders may lag, Nagle's algorithm stays on: %r", error)
            return super().connect()

    return Prompt
