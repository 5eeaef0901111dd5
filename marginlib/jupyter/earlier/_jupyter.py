# An extension of the server that nothing needs any more; a server's settings may still name it.
def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "marginlib._jupyter"}]


def _load_jupyter_server_extension(_server: object) -> None:
    pass
