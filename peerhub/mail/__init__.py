"""What we say: letters, links, calendars, and the way to the mail server."""
