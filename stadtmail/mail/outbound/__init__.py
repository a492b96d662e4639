"""The way out: routes, TLS, the SMTP client, and the worker that carries what is in transit."""
