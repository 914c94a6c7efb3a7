"""A wrong setting is named before anything starts, and a secret is never shown."""

import json
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from peerhub.mail.signature import DkimKey
from peerhub.settings import BadSettings, read

KEYS = json.dumps({"sealing": {"1": "a" * 64}, "hashing": "b" * 64, "signing": "c" * 64})
FINE = {"PEERHUB_KEYS": KEYS}


def test_nothing_set_is_enough_for_one_machine(tmp_path: Path) -> None:
    settings = read({"PEERHUB_DATA": str(tmp_path / "data")})

    assert (settings.port, settings.base_url, settings.database_url) == (8000, "http://localhost:8000", None)


def test_the_port_is_part_of_the_links() -> None:
    assert read({**FINE, "PORT": "9000"}).base_url == "http://localhost:9000"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "0"), ("PORT", "65536"), ("PORT", "eighty"),
        ("DATABASE_URL", "mysql://someone:hunter2@db/x"), ("DATABASE_URL", "db"),
        ("SMTP_URL", "http://mail.example.org"), ("SMTP_URL", "smtp://"), ("SMTP_URL", "smtp://host:notaport"),
        ("BASE_URL", "http://peerhub.example.org"), ("BASE_URL", "https://x.example.org/path"), ("BASE_URL", "ftp://x"),
        ("BASE_URL", "https://user:hunter2@x.example.org"),
        ("MAIL_FROM", "ü@example.org"),
        ("MAIL_FROM", "nobody"), ("MAIL_FROM", "a@example.org, b@example.org"), ("MAIL_FROM", "a@example.org\nBcc: b"),
        ("COMMUNITY", "x" * 61), ("COMMUNITY", "two\nlines"),
        ("DKIM_KEY", "autumn:/nowhere/key.pem"), ("DKIM_KEY", "hunter2"),
        ("PEERHUB_KEYS", "{}"), ("PEERHUB_KEYS", "hunter2"), ("PEERHUB_KEYS", KEYS.replace("a", "z")),
        ("PEERHUB_KEYS", KEYS.replace('{"1"', '{"300"')), ("PEERHUB_KEYS", KEYS.replace('{"1"', '{"-1"')),
        ("PEERHUB_KEYS", json.dumps({**json.loads(KEYS), "sealing": {}})), ("PEERHUB_KEYS", "[" * 100_000),
        ("PEERHUB_KEYS", json.dumps({**json.loads(KEYS), "hashing": 7})),
        ("SMTP_URL", "smtp://someone:hunter2@mail.example.org"),
        ("INBOX_LISTEN", "lmtp://"), ("INBOX_LISTEN", "lmtp://localhost"), ("INBOX_LISTEN", "http://localhost:24"),
        ("INBOX_LISTEN", "smtp://hunter2@localhost:24"), ("INBOX_LISTEN", "lmtp://localhost:99999"),
        ("INBOX_FOLDER", "imap://ana:hunter2@mail.example.org/"), ("INBOX_FOLDER", "imaps://mail.example.org/"),
        ("INBOX_FOLDER", "pop3://ana:hunter2@mail.example.org/"), ("INBOX_FOLDER", "imaps://ana:hunter2@/"),
        ("BOUNCE_DOMAIN", "hunter2"), ("BOUNCE_DOMAIN", "a@example.org"), ("BOUNCE_DOMAIN", "x.example.org/y"),
        ("METRICS_TOKEN", "hunter2"), ("METRICS_TOKEN", "hunter2 hunter2 hunter2 hunter2"),
        ("TRUSTED_PROXIES", "hunter2"), ("TRUSTED_PROXIES", "10.0.0.1, 10.0.0"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_without_what_was_typed(name: str, value: str, tmp_path: Path) -> None:
    with pytest.raises(BadSettings) as bad:
        read({"PEERHUB_DATA": str(tmp_path), **FINE, name: value})

    assert [mistake.split(":")[0] for mistake in bad.value.mistakes] == [name]
    assert "hunter2" not in str(bad.value)


@pytest.mark.parametrize("url", ["smtp://someone:hunter2@localhost:25", "smtps://someone:hunter2@mail.example.org"])
def test_a_password_travels_on_this_machine_or_under_tls(url: str, tmp_path: Path) -> None:
    assert read({"PEERHUB_DATA": str(tmp_path), **FINE, "SMTP_URL": url}).smtp_url == url


@pytest.mark.parametrize(
    "url", ["imap://ana:hunter2@localhost:143/INBOX", "imaps://ana:hunter2@mail.example.org/Answers%20only"]
)
def test_a_folder_is_read_on_this_machine_or_under_tls(url: str, tmp_path: Path) -> None:
    settings = read({"PEERHUB_DATA": str(tmp_path), **FINE, "INBOX_FOLDER": url})

    assert settings.inbox_folder == url
    assert "hunter2" not in repr(settings)


def test_all_mistakes_come_at_once() -> None:
    with pytest.raises(BadSettings) as bad:
        read({**FINE, "PORT": "x", "BASE_URL": "x", "MAIL_FROM": "x"})

    assert [mistake.split(":")[0] for mistake in bad.value.mistakes] == ["PORT", "BASE_URL", "MAIL_FROM"]


def test_keys_are_drawn_once_and_are_their_owners_alone(tmp_path: Path) -> None:
    first = read({"PEERHUB_DATA": str(tmp_path)})
    second = read({"PEERHUB_DATA": str(tmp_path)})

    assert first.keys == second.keys
    assert stat.S_IMODE((tmp_path / "keys.json").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["keys.json"]


def test_two_installations_have_different_keys(tmp_path: Path) -> None:
    one, other = read({"PEERHUB_DATA": str(tmp_path / "one")}), read({"PEERHUB_DATA": str(tmp_path / "other")})

    assert one.keys != other.keys


@pytest.mark.parametrize("typed", ["hello@bücher.example", "hello@xn--bcher-kva.example"])
def test_letters_come_from_an_address_that_every_mail_server_takes(typed: str, tmp_path: Path) -> None:
    settings = read({"PEERHUB_DATA": str(tmp_path), **FINE, "MAIL_FROM": typed})

    assert settings.mail_from == "hello@xn--bcher-kva.example"


def test_a_dkim_key_is_read_from_its_file(tmp_path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    (tmp_path / "autumn.pem").write_bytes(pem)

    settings = read({**FINE, "DKIM_KEY": f"autumn:{tmp_path / 'autumn.pem'}"})

    assert settings.dkim_key == DkimKey("autumn", pem)


def test_settings_never_show_secrets() -> None:
    settings = read({**FINE, "DATABASE_URL": "postgresql://u:hunter2@h/db", "SMTP_URL": "smtps://u:hunter2@h"})

    assert "hunter2" not in repr(settings)
    assert "a" * 64 not in repr(settings.keys)
