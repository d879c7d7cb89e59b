"""The programs that `crofter connect` knows, and what each needs; where one keeps its settings in itself, words say what to type."""

from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from .merging import merged_json, merged_lines, merged_toml


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """This node, as another program is to see it."""

    url: str
    key: str
    """Of the API; any will do where the node has none."""
    model: str
    context_length: int


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """One program."""

    title: str
    file: str = ""
    """Under the user's home folder; empty if it cannot be configured by a file."""
    merge: Callable[[str, Target], str] | None = None
    """From its present configuration to the one with this node; empty text: there is none yet."""
    least_context: int = 0
    """About how many tokens its own prompts take before the first word of its user."""
    words: Callable[[Target], str] | None = None
    """What to do by hand instead, or besides."""

    def path(self, home: Path) -> Path:
        """Its configuration file."""
        return home.joinpath(*self.file.split("/"))


def _claude_code(old: str, target: Target) -> str:
    models = {f"ANTHROPIC_DEFAULT_{size}_MODEL": target.model for size in ("OPUS", "SONNET", "HAIKU")}
    environment = {
        "ANTHROPIC_BASE_URL": target.url,
        "ANTHROPIC_AUTH_TOKEN": target.key,
        # Both set, it refuses to start.
        "ANTHROPIC_API_KEY": "",
        "ANTHROPIC_MODEL": target.model,
        **models,
    }
    return merged_json(old, {"env": environment})


def _codex(old: str, target: Target) -> str:
    provider = {
        "name": "Crofter",
        "base_url": f"{target.url}/v1",
        "wire_api": "responses",
        "experimental_bearer_token": target.key,
    }
    return merged_toml(old, {"model_provider": "crofter", "model": target.model}, "model_providers.crofter", provider)


def _aider(old: str, target: Target) -> str:
    return merged_lines(
        old,
        {
            "openai-api-base": f"{target.url}/v1",
            "openai-api-key": target.key,
            "model": f"openai/{target.model}",
        },
    )


def _zed(old: str, target: Target) -> str:
    model = {"name": target.model, "display_name": f"{target.model} (Crofter)", "max_tokens": target.context_length}
    provider = {"api_url": f"{target.url}/v1", "available_models": [model]}
    return merged_json(old, {"language_models": {"openai_compatible": {"Crofter": provider}}})


def _opencode(old: str, target: Target) -> str:
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "name": "Crofter",
        "options": {"baseURL": f"{target.url}/v1", "apiKey": target.key},
        "models": {target.model: {"name": target.model}},
    }
    return merged_json(old, {"provider": {"crofter": provider}, "model": f"crofter/{target.model}"})


def _continue(target: Target) -> str:
    return f"""Put this into ~/.continue/config.yaml, or if there is one already, the model under its `models:`:

name: mine
version: 0.0.1
schema: v1
models:
  - name: Crofter
    provider: openai
    model: {target.model}
    apiBase: {target.url}/v1
    apiKey: {target.key}
    roles: [chat, edit, apply, autocomplete]"""


def _cline(target: Target) -> str:
    return f"""In Cline's settings choose the provider "OpenAI Compatible":

  Base URL        {target.url}/v1
  API Key         {target.key}
  Model ID        {target.model}
  Context Window  {target.context_length}

Cline's command line takes the same with:

cline auth openai-compatible --baseurl {target.url}/v1 --apikey {target.key} --modelid {target.model}"""


def _cursor(target: Target) -> str:
    return f"""In Cursor's settings, under Models, turn on "Override OpenAI Base URL":

  Base URL  {target.url}/v1
  API Key   {target.key}
  Model     {target.model}

Cursor calls the address from its own servers, so one on this machine is reached only through a tunnel of yours."""


def _open_webui(target: Target) -> str:
    return f"""Start it with these variables, or add the connection in Admin Settings, Connections:

  OPENAI_API_BASE_URL={target.url}/v1
  OPENAI_API_KEY={target.key}

In a container this machine is host.docker.internal: `crofter up --host 0.0.0.0` with an API key, that name in api.allowed_hosts."""


def _langchain(target: Target) -> str:
    return f"""With `pip install 'crofter[langchain]'`; CrofterEmbeddings is made the same way:

from crofter.integrations.langchain import ChatCrofter

model = ChatCrofter(base_url="{target.url}", api_key="{target.key}", model="{target.model}")

Without it, langchain_openai.ChatOpenAI with base_url="{target.url}/v1" works too."""


def _llamaindex(target: Target) -> str:
    return f"""With `pip install 'crofter[llama-index]'`; CrofterEmbedding is made the same way:

from crofter.integrations.llama_index import Crofter

model = Crofter(base_url="{target.url}", api_key="{target.key}", model="{target.model}")

Without it, llama_index.llms.openai_like.OpenAILike with api_base="{target.url}/v1", is_chat_model=True works too."""


def _zed_key(target: Target) -> str:
    return f"Zed asks for the key in its agent panel, or takes it from CROFTER_API_KEY: {target.key}"


PROGRAMS: Mapping[str, Program] = {
    "claude-code": Program(title="Claude Code", file=".claude/settings.json", merge=_claude_code, least_context=30_000),
    "codex": Program(title="Codex", file=".codex/config.toml", merge=_codex),
    "aider": Program(title="Aider", file=".aider.conf.yml", merge=_aider),
    "opencode": Program(title="opencode", file=".config/opencode/opencode.json", merge=_opencode),
    "zed": Program(title="Zed", file=".config/zed/settings.json", merge=_zed, words=_zed_key),
    "continue": Program(title="Continue", words=_continue),
    "cline": Program(title="Cline", words=_cline),
    "cursor": Program(title="Cursor", words=_cursor),
    "open-webui": Program(title="Open WebUI", words=_open_webui),
    "langchain": Program(title="LangChain", words=_langchain),
    "llamaindex": Program(title="LlamaIndex", words=_llamaindex),
}
