"""Tells Piccolo where the tables and their migrations are."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from peerhub.store.tables import TABLES

APP_CONFIG = AppConfig(
    app_name="peerhub",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=list(TABLES),
)
