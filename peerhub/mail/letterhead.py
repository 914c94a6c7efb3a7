"""What every letter of this installation has in common."""

from dataclasses import dataclass

from peerhub.mail.signature import DkimKey


@dataclass(frozen=True)
class Letterhead:
    """Who writes, from which address, and where the links of a letter lead; links come from nowhere else.

    ``signing_key`` signs links, ``dkim_key`` signs whole letters, where one is configured. Letters that cannot be
    delivered go back to ``bounce_domain``, where there is one, each to an address of its own.
    """

    community: str
    mail_from: str
    base_url: str
    signing_key: bytes
    dkim_key: DkimKey | None = None
    bounce_domain: str = ""

    def __repr__(self) -> str:
        return f"Letterhead({self.base_url!r})"
