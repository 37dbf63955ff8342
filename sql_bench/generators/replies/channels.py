"""The part of a reply that is its answer: reasoning, channels and further turns taken off (rules/extraction.md X1)."""

from __future__ import annotations

import re

_THINKING = re.compile(
    r"<(?P<tag>think|thinking|thought|seed:think)>.*?(?:</(?P=tag)>|\Z)"
    r"|\[THINK\].*?(?:\[/THINK\]|\Z)|◁think▷.*?(?:◁/think▷|\Z)"
    r"|<\|begin_of_thought\|>.*?(?:<\|end_of_thought\|>|\Z)|<\|START_THINKING\|>.*?(?:<\|END_THINKING\|>|\Z)",
    re.DOTALL | re.IGNORECASE,
)
_END_OF_THINKING = re.compile(r"</(?:think|thinking|thought)>|\[/THINK\]|◁/think▷", re.IGNORECASE)
# These are words of prompts, not of chat templates: one that is not closed is no sign that the answer never came.
_REASONING = re.compile(r"<(/?)(reasoning|analysis|scratchpad|reflection)>", re.IGNORECASE)
# Channels of OpenAI's harmony format; a tool call has a recipient and a type between the name and the message.
_CHANNEL = re.compile(r"<\|channel\|>[^\n]{0,200}?<\|message\|>")
_WORDS_OF_CHANNELS = re.compile(r"\s*analysis")  # the same where the special tokens were left out of the text
_FINAL = "assistantfinal"
_END_OF_TURN = re.compile(
    r"<\|endoftext\|>|(?:<\|(?:im_end|eot_id|eom_id|end|end_of_turn|return|call)\|>|<end_of_turn>|</s>)\s*+"
    r"(?:<\|(?:im_start|start_header_id|start|user|system|assistant)\|>|<start_of_turn>|<s>|\[INST\])"
)
_QUOTED_BLOCK = re.compile(r"(?:^[ ]{0,3}>[^\n]*(?:\n|\Z))+", re.MULTILINE)
_QUOTE_MARK = re.compile(r"^[ ]{0,3}>[ ]?", re.MULTILINE)
_QUOTED_START = re.compile(r"^[ ]{0,3}>[ \t]*(?:```|~~~|select\b|with\s)", re.IGNORECASE | re.MULTILINE)


def answer_of(raw: str) -> str:
    """What a reply holds as its answer; of channels the last counts, and of turns the first.

    Reasoning that was never closed leaves nothing; where only its end is there, the chat template began it.
    """
    text = _END_OF_THINKING.split(_THINKING.sub("\n", raw))[-1]
    text = _without_reasoning(text)
    text = _CHANNEL.split(text)[-1]
    if _WORDS_OF_CHANNELS.match(text) and _FINAL in text:
        text = text.rpartition(_FINAL)[2]
    text = _first_turn(text)
    return _QUOTED_BLOCK.sub(_unquoted, text)


def _without_reasoning(text: str) -> str:
    """The text without blocks of reasoning that are closed, each with the first end of its name."""
    kept, begun, position = [], None, 0
    for mark in _REASONING.finditer(text):
        is_end, name = bool(mark.group(1)), mark.group(2).lower()
        if begun is None and not is_end:
            begun = (mark.start(), name)
        elif begun is not None and is_end and name == begun[1]:
            kept.append(text[position : begun[0]])
            begun, position = None, mark.end()
    return "\n".join([*kept, text[position:]])


def _first_turn(text: str) -> str:
    """The text up to where the model goes on as another speaker."""
    end = next((mark.start() for mark in _END_OF_TURN.finditer(text) if text[: mark.start()].strip()), len(text))
    return text[:end]


def _unquoted(block: re.Match[str]) -> str:
    """A block of quoted lines that holds a fence or a query, without the quote marks."""
    quoted = block.group()
    return f"\n{_QUOTE_MARK.sub('', quoted)}\n" if _QUOTED_START.search(quoted) else quoted
