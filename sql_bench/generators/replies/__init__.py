"""Parts of a model's reply: channels, fences, tags, JSON, strings of code, and where a bare statement ends."""
