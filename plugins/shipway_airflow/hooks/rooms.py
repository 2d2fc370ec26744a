"""From Airflow Connections to the rooms of the house."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from airflow.sdk import BaseHook, Connection

from shipway.spec.reading import read_environment, read_model
from shipway.steps.rooms import Rooms

#: Parameters of libpq that a Connection's extra may carry on.
_LIBPQ = ("sslmode", "sslrootcert", "sslcert", "sslkey", "options", "target_session_attrs")


class RoomsHook(BaseHook):
    """Opens the rooms of one model with the credentials of Airflow Connections.

    :param model: name of the model.
    """

    def __init__(self, model: str) -> None:
        super().__init__()
        self._model = model

    def open(self) -> Rooms:
        """Read spec and environment, and join them with the records' Connection.

        :raises SpecErrors: when either file is broken.
        """
        environment = read_environment()
        connection = self.get_connection(environment.records.connection)
        return Rooms(read_model(self._model), environment, libpq_url(connection))


def libpq_url(connection: Connection) -> str:
    """Return the libpq URL of a ``postgres`` Connection; a host that is a folder means its Unix socket.

    :param connection: host, port, login, password, schema (the database), and libpq's TLS parameters as extra.
    """
    login = quote(connection.login or "", safe="")
    if connection.password:
        login += f":{quote(connection.password, safe='')}"
    host = connection.host or "localhost"
    query = {name: str(value) for name, value in connection.extra_dejson.items() if name in _LIBPQ}
    port = f":{connection.port}" if connection.port else ""
    bare = host.count(":") > 1 and "," not in host  # an address of IPv6
    place = f"[{host}]{port}" if bare else f"{host}{port}"
    if host.startswith("/"):
        place = ""
        query |= {"host": host, **({"port": str(connection.port)} if connection.port else {})}
    return f"postgresql://{login}@{place}/{quote(connection.schema or 'shipway')}" + (
        f"?{urlencode(query, quote_via=quote)}" if query else ""  # libpq takes a + for a plus
    )
