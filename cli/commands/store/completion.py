"""Completion at the shell's prompt."""

import click


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    r"""Print the completion script of a shell, to be loaded at its start.

    \b
      bash   echo 'eval "$(layerlog completion bash)"' >> ~/.bashrc
      zsh    echo 'eval "$(layerlog completion zsh)"' >> ~/.zshrc
      fish   layerlog completion fish > ~/.config/fish/completions/layerlog.fish
    """
    from click.shell_completion import get_completion_class

    from cli.options import shells

    shells.register()
    kind = get_completion_class(shell)
    assert kind is not None, shell
    click.echo(kind(ctx.find_root().command, {}, "layerlog", "_LAYERLOG_COMPLETE").source())
