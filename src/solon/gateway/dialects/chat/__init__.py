"""OpenAI Chat Completions, and what its many imitators add: reasoning fields, longer lists of parts."""
