"""The palmyra command's subcommands. Each module has ``register(app)`` and imports the rest when it runs."""
