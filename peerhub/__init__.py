"""peerhub: a peer-support group event and pairing scheduler."""

import zoneinfo

zoneinfo.reset_tzpath(
    ()
)  # the PyPI package tzdata wins over the system's zone files, which differ from machine to machine
