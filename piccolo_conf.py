"""What Piccolo's own commands read: `piccolo migrations check`, `piccolo migrations forwards peerhub`, ..."""

import os

from piccolo.conf.apps import AppRegistry

from peerhub.store import database
from peerhub.store.engine import DB

__all__ = ["APP_REGISTRY", "DB"]

APP_REGISTRY = AppRegistry(apps=["peerhub.store.piccolo_app"])

if not DB.config and os.environ.get("DATABASE_URL"):
    database.lead_to(os.environ["DATABASE_URL"])
