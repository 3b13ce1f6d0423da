"""Marina's window: the application, its tables, dialogs and panels over the engine's façade. The GUI thread."""
