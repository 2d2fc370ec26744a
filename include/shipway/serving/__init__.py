"""The room of serving: model server, gateway and router."""
