"""What Typer says of a command line that it cannot read, in the reader's language.

Typer speaks English only. Its messages are known by their form; one of another form stays as it is.
"""

import re

from graphrisk.errors import UsageError

_FORMS: tuple[tuple[str, str], ...] = (
    ("usage_missing_argument", r"Missing argument (?P<name>'.*')"),
    ("usage_missing_option", r"Missing option (?P<name>'.*?')(?:\. .*)?"),
    ("usage_missing_command", r"Missing command"),
    ("usage_option_near", r"No such option: (?P<name>\S+) \(Possible options: (?P<near>.+)\)"),
    ("usage_option", r"No such option: (?P<name>\S+)"),
    ("usage_command_near", r"No such command (?P<name>'.*')\. Did you mean (?P<near>.+)\?"),
    ("usage_command", r"No such command (?P<name>'.*')"),
    ("usage_option_bare", r"Option (?P<name>'.*') requires an argument"),
    ("usage_option_full", r"Option (?P<name>'.*') does not take a value"),
    ("usage_argument_extra", r"Got unexpected extra argument(?:s|\(s\))? \((?P<value>.*)\)"),
    ("usage_choice", r"Invalid value for (?P<name>'.*?'(?: / '.*?')*): (?P<value>.*) is not one of (?P<allowed>.*)"),
    ("usage_value", r"Invalid value for (?P<name>'.*?'(?: / '.*?')*): (?P<problem>.*)"),
)


def usage_error(message: str, command: str) -> UsageError:
    """Return the failure that a message of Typer stands for.

    Parameters
    ----------
    message : str
        As Typer formats it.
    command : str
        The command that was being read, such as ``graphrisk spread``.

    Returns
    -------
    UsageError

    Examples
    --------
    >>> usage_error("Missing argument 'ID'.", "graphrisk spread").sentence("zh")
    "缺少参数 'ID'；见 graphrisk spread --help"
    >>> usage_error("Something else.", "graphrisk").sentence("en")
    'Something else; see graphrisk --help'
    """
    plain = message.strip().removesuffix(".").replace("Value error, ", "")
    for code, form in _FORMS:
        if found := re.fullmatch(form, plain, re.DOTALL):
            return UsageError(code, command=command, **found.groupdict())
    return UsageError("usage", command=command, message=plain)
