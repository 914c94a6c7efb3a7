"""What the domain says when something asked of it cannot be."""


class Refusal(Exception):
    """Something that was asked for cannot be; the message is fit for the person who asked."""


class NotFound(Refusal):
    """No such thing, or not for the one who asks: both look the same."""


class WrongStage(Refusal):
    """The thing has moved on since the page was shown."""


class TooOften(Refusal):
    """Asked more often than is good for anybody."""
