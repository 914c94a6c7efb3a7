"""What every letter of this installation has in common."""

from dataclasses import dataclass

from peerhub.mail.signature import DkimKey


@dataclass(frozen=True)
class Letterhead:
    """Who writes, from which address, and where the links of a letter lead; links come from nowhere else.

    ``signing_key`` signs links, ``dkim_key`` signs whole letters, where one is configured.
    """

    community: str
    mail_from: str
    base_url: str
    signing_key: bytes
    dkim_key: DkimKey | None = None

    def __repr__(self) -> str:
        return f"Letterhead({self.base_url!r})"
