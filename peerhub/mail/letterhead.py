"""What every letter of this installation has in common."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Letterhead:
    """Who writes, from which address, and where the links of a letter lead; links come from nowhere else."""

    community: str
    mail_from: str
    base_url: str
    signing_key: bytes

    def __repr__(self) -> str:
        return f"Letterhead({self.base_url!r})"
