"""What Piccolo's own commands read: `piccolo migrations check`, `piccolo migrations forwards peerhub`, ...

They talk to the PostgreSQL that peerhub would use: the one that ``DATABASE_URL`` names, or the embedded one.
"""

import atexit
from contextlib import ExitStack

from piccolo.conf.apps import AppRegistry

from peerhub import settings as the_settings
from peerhub.store import database
from peerhub.store.engine import DB

__all__ = ["APP_REGISTRY", "DB"]

APP_REGISTRY = AppRegistry(apps=["peerhub.store.piccolo_app"])

if not DB.config:  # a command of Piccolo's; peerhub itself has said by now where its database is
    _until_exit = ExitStack()
    atexit.register(_until_exit.close)
    _settings = the_settings.read()
    database.lead_to(_settings.database_url or _until_exit.enter_context(database.embedded(_settings.data_folder)))
