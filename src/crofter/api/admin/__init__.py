"""The owner's routes, for the command line and the web pages."""

from .routes import AdminRoutes

__all__ = ["AdminRoutes"]
