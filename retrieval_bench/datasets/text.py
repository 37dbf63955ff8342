"""Indexed text of a document, decided once for every dataset and retriever."""

from __future__ import annotations


def indexed_text(title: str, text: str) -> str:
    """Title, one space, text; the text alone where there is no title (as BEIR's evaluators and R2MED do)."""
    return f"{title} {text}" if title else text
