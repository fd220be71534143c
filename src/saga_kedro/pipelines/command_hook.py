"""What Kedro's commands cannot do, in a sentence."""

from importlib.util import find_spec
from itertools import pairwise

from kedro.framework.cli.hooks import cli_hook_impl


class CommandHook:
    @cli_hook_impl
    def before_command_run(self, command_args: list[str]) -> None:
        package = {"jupyter lab": "jupyterlab", "jupyter notebook": "notebook"}.get(" ".join(command_args[:2]))
        if package and not find_spec(package):
            raise SystemExit(f"Error: {package} is not installed: .venv/bin/pip install {package}.")
        spelled = [argument.removeprefix("--params=") for argument in command_args if argument.startswith("--params=")]
        values = spelled + [value for option, value in pairwise(command_args) if option == "--params"]
        for part in (part for value in values for part in value.split(",")):
            if part.strip() and "=" not in part:
                raise SystemExit(
                    f"Error: --params splits its value at every comma, and {part.strip()!r} is no NAME=VALUE. Lists of several "
                    "items, and paths with a comma, go into conf/local/parameters.yml."
                )


hook = CommandHook()
