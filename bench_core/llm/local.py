"""A language model in this process, through transformers: a hub id, a folder, or a GGUF file."""

from __future__ import annotations

import io
import json
import re
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from bench_core.artifacts import file_sha256
from bench_core.errors import UserError
from bench_core.identity import Json
from bench_core.llm.chat import ChatRequest, ChatResponse, Message, NoAnswer, Sampling, ToolCall, Usage
from bench_core.llm.endpoint import chat_message, chat_tool
from bench_core.machine.devices import torch_device
from bench_core.machine.model_files import ModelFiles
from bench_core.plugins.requirements import Requirements, of_devices

# How long a batch waits for further requests before it is begun.
_GATHER_S = 0.05
_MOST_NEW_TOKENS = 1024
_STAGE = "language model"


@dataclass(eq=False)
class _Waiting:
    request: ChatRequest
    done: threading.Event = field(default_factory=threading.Event)
    outcome: ChatResponse | NoAnswer | None = None


class LocalModel:
    """A model that generates for several threads at once: calls that wait are gathered into batches.

    Draws depend on the batch they are made in; at temperature 0 an answer depends on its request alone.

    Args:
        model: a hub id, a folder, or a GGUF file.
        revision: commit of a hub model.
        batch_size: requests generated for at once.
        device: `cpu`, `cuda`, …; by default the GPU where there is one.
        chat_template: Jinja text, for a model that brings none.

    Raises:
        UserError: there is no such file or folder, and it is no hub id either.
    """

    def __init__(
        self, model: str, revision: str = "", batch_size: int = 4, device: str = "", chat_template: str = ""
    ) -> None:
        self.model, self.device, self.batch_size = model, device, batch_size
        self._gguf = Path(model).expanduser() if model.endswith(".gguf") else None
        if self._gguf is not None and not self._gguf.is_file():
            raise UserError(f"{model}: there is no such file.")
        self._named_files = None if self._gguf else ModelFiles(model, revision)
        self._chat_template = chat_template
        self._queue: list[_Waiting] = []
        self._queued = threading.Condition()
        self._generating = threading.Lock()
        self._loaded: tuple[Any, Any] | None = None

    def describe(self) -> Mapping[str, Json]:
        """The model's hub id and commit, or the name and the content of its file or folder, wherever that lies."""
        return self._description

    @cached_property
    def _description(self) -> dict[str, Json]:
        if self._gguf is not None:
            found: dict[str, Json] = {"model": self._gguf.name, "sha256": file_sha256(self._gguf)}
        else:
            found = {"model": Path(self._files.place).name, **self._files.identity()}
        return {**found, "chat_template": self._chat_template} if self._chat_template else found

    @cached_property
    def _files(self) -> ModelFiles:
        assert self._named_files is not None
        return self._named_files.at_commit(_STAGE)

    @property
    def is_remote(self) -> bool:
        """Never: nothing leaves the process."""
        return False

    @property
    def requires(self) -> Requirements:
        """The device of the model."""
        return of_devices(self.device)

    def complete(self, request: ChatRequest) -> ChatResponse:
        """Generate, together with what other threads ask at the same time.

        Raises:
            NoAnswer: the model failed on it.
        """
        waiting = _Waiting(request)
        with self._queued:
            self._queue.append(waiting)
        time.sleep(_GATHER_S)
        with self._generating:  # who gets here first generates for all that wait
            if not waiting.done.is_set():
                self._generate(self._take(waiting))
        if isinstance(waiting.outcome, NoAnswer):
            raise waiting.outcome
        assert waiting.outcome is not None
        return waiting.outcome

    def _take(self, first: _Waiting) -> list[_Waiting]:
        """A batch with `first` in it, of requests that are sampled alike."""
        with self._queued:
            alike = [other for other in self._queue if other.request.sampling == first.request.sampling]
            batch = [first, *(other for other in alike if other is not first)][: self.batch_size]
            self._queue = [other for other in self._queue if other not in batch]
        return batch

    def _generate(self, batch: Sequence[_Waiting]) -> None:
        start = time.perf_counter()
        try:
            outcomes: Sequence[ChatResponse | NoAnswer] = self._answers([waiting.request for waiting in batch])
        except (RuntimeError, ValueError, MemoryError) as error:
            cause = str(error).strip().partition("\n")[0]
            outcomes = [NoAnswer("model failed", f"{self.model} failed to generate: {cause}.")] * len(batch)
        seconds = (time.perf_counter() - start) / len(batch)
        for waiting, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, ChatResponse):
                outcome = replace(outcome, seconds=seconds)
            waiting.outcome = outcome
            waiting.done.set()

    def _answers(self, requests: Sequence[ChatRequest]) -> list[ChatResponse]:
        import torch

        model, tokenizer = self._load()
        prompts = [self._prompt(tokenizer, request) for request in requests]
        encoded = tokenizer(prompts, return_tensors="pt", padding=True, add_special_tokens=False).to(model.device)
        sampling = requests[0].sampling
        if sampling.seed is not None:
            torch.manual_seed(sampling.seed + requests[0].sample)
        with torch.inference_mode():
            tokens = model.generate(**encoded, **_generation(sampling, tokenizer))
        n_prompt = encoded["input_ids"].shape[1]
        ends = _end_tokens(model, tokenizer)
        return [
            _response(tokenizer, ends, row[n_prompt:].tolist(), int(mask.sum()), request)
            for row, mask, request in zip(tokens, encoded["attention_mask"], requests, strict=True)
        ]

    def _prompt(self, tokenizer: Any, request: ChatRequest) -> str:
        template = self._chat_template or None
        if template is None and not tokenizer.chat_template:
            raise UserError(f"{self.model} brings no chat template; give one, or a model made for conversation.")
        tools = None
        if request.tools:
            if not _takes_tools(template or tokenizer.get_chat_template(tools=[])):
                raise UserError(f"{self.model} has no place for tools in its chat template; ask it for JSON instead.")
            tools = [chat_tool(tool) for tool in request.tools]
        prompt: str = tokenizer.apply_chat_template(
            [_templated(message) for message in request.messages],
            tools=tools,
            tokenize=False,
            add_generation_prompt=True,
            chat_template=template,
        )
        return prompt

    def _load(self) -> tuple[Any, Any]:
        if self._loaded is None:
            import torch
            from transformers import AutoModelForCausalLM, AutoTokenizer

            if self._gguf is not None:
                files = ModelFiles(str(self._gguf.parent))
                where: dict[str, Any] = {"gguf_file": self._gguf.name}
            else:
                files, where = self._files, {"revision": self._files.revision or None}
            device = torch_device(self.device)
            dtype = torch.float32 if device == "cpu" else "auto"
            with files.loading(_STAGE), redirect_stderr(io.StringIO()):  # reading GGUF shows a bar of its own
                tokenizer = AutoTokenizer.from_pretrained(files.place, padding_side="left", **where)
                model: Any = AutoModelForCausalLM.from_pretrained(files.place, dtype=dtype, **where)
            if tokenizer.pad_token is None:
                tokenizer.pad_token = tokenizer.eos_token
            self._loaded = model.to(device).eval(), tokenizer
        return self._loaded


def _generation(sampling: Sampling, tokenizer: Any) -> dict[str, Any]:
    greedy = sampling.temperature in (None, 0)
    drawn = {} if greedy else {"temperature": sampling.temperature, "top_p": sampling.top_p or 1.0, "top_k": 0}
    stop = {"stop_strings": list(sampling.stop), "tokenizer": tokenizer} if sampling.stop else {}
    return {
        "do_sample": not greedy,
        "max_new_tokens": sampling.max_tokens or _MOST_NEW_TOKENS,
        "pad_token_id": tokenizer.pad_token_id,
        **drawn,
        **stop,
    }


def _end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """The tokens that end an answer: chat models often have one for a turn besides that of a text."""
    told = getattr(model.generation_config, "eos_token_id", None)
    return frozenset([tokenizer.eos_token_id, *(told if isinstance(told, list) else [told])]) - {None}


def _response(
    tokenizer: Any, ends: frozenset[int], tokens: Sequence[int], n_prompt: int, request: ChatRequest
) -> ChatResponse:
    """The answer in the new tokens of one row; padding follows a shorter one."""
    sampling = request.sampling
    end = next((place for place, token in enumerate(tokens) if token in ends), None)
    n_new = len(tokens) if end is None else end + 1
    while end is None and n_new and tokens[n_new - 1] == tokenizer.pad_token_id:  # behind a stop text
        n_new -= 1
    text = tokenizer.decode(tokens[:n_new], skip_special_tokens=True)
    stopped = next((stop for stop in sampling.stop if stop in text), None)
    if stopped is not None:
        text = text[: text.index(stopped)]
    cut = end is None and stopped is None and n_new >= (sampling.max_tokens or _MOST_NEW_TOKENS)
    usage = Usage(n_prompt, n_new)
    if cut:
        return ChatResponse(text, finish="length", usage=usage)
    said, calls = tool_calls_in(text) if request.tools else (text, ())
    return ChatResponse(said, finish="tool_calls" if calls else "stop", usage=usage, tool_calls=calls)


# How models trained with Hermes' format (Qwen, SmolLM, Granite and others) write a call of a tool
# (https://github.com/NousResearch/Hermes-Function-Calling); calls written otherwise stay text.
_CALL = re.compile(r"<tool_call>\s*(\{.*?\})\s*</tool_call>", re.DOTALL)


def tool_calls_in(text: str) -> tuple[str, tuple[ToolCall, ...]]:
    """The calls of tools that a model wrote into its text, and the text without them.

    One that is not of the form stays in the text.
    """
    calls: list[ToolCall] = []

    def taken(found: re.Match[str]) -> str:
        try:
            call = json.loads(found[1])
            name, arguments = call["name"], call.get("arguments", {})
        except (ValueError, KeyError, RecursionError):
            return found[0]
        if not isinstance(name, str) or not name:
            return found[0]
        written = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
        calls.append(ToolCall(f"call_{len(calls)}", name, written))
        return ""

    said = _CALL.sub(taken, text)
    return (said.strip() if calls else text), tuple(calls)


def _takes_tools(template: str) -> bool:
    return re.search(r"\btools\b", template) is not None


def _templated(message: Message) -> dict[str, Any]:
    """A message as chat templates take it: arguments of calls as objects, where they are."""
    written = chat_message(message)
    if message.tool_calls:
        for call, given in zip(written["tool_calls"], message.tool_calls, strict=True):
            if given.values is not None:
                call["function"]["arguments"] = dict(given.values)
    return {**written, "content": message.content}
