"""How requests are unwrapped for a handler and its results wrapped again, by the setting `service_envelope`."""
