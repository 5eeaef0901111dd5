# A server's settings may still name it.
from marginlib.jupyter.server import _jupyter_server_extension_points, _load_jupyter_server_extension
