"""Whose fault it is: `Trouble` is the world's; any other exception is ours and shows its traceback."""


class Trouble(Exception):
    """Something in the world is not as it must be: a file, a driver, a setting, an order.

    `cause` is one sentence that names what is wrong, `remedy` one that says what to do about it.
    """

    def __init__(self, cause: str, remedy: str = "") -> None:
        super().__init__(cause)
        self.cause = cause
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.cause} {self.remedy}".strip()
