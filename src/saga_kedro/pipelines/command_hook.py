"""What `kedro run --params` cannot say, in a sentence: Kedro splits its value at every comma."""

from itertools import pairwise

from kedro.framework.cli.hooks import cli_hook_impl


class CommandHook:
    @cli_hook_impl
    def before_command_run(self, command_args: list[str]) -> None:
        spelled = [argument.removeprefix("--params=") for argument in command_args if argument.startswith("--params=")]
        values = spelled + [value for option, value in pairwise(command_args) if option == "--params"]
        for part in (part for value in values for part in value.split(",")):
            if part.strip() and "=" not in part:
                raise SystemExit(
                    f"Error: --params splits its value at every comma, and {part.strip()!r} is no NAME=VALUE. Lists of several "
                    "items, and paths with a comma, go into conf/local/parameters.yml."
                )


hook = CommandHook()
