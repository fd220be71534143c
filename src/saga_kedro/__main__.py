"""`python -m saga_kedro` is `kedro run` of the installed package, in a folder that holds conf/."""

if __name__ == "__main__":
    try:
        from kedro.framework.cli.project import run
        from kedro.framework.project import configure_project
    except ModuleNotFoundError:
        raise SystemExit("Error: this runs the pipelines, which only the whole project has: see `make train`.") from None
    configure_project("saga_kedro")
    run()
