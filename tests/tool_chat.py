"""A question that an assistant answers by a tool."""

ASKED = {"role": "user", "content": "What is 6 * 7?"}
CALLING = {
    "role": "assistant",
    "content": "",
    "reasoning": "A tool knows.",
    "tool_calls": [{"id": "1", "name": "multiply", "arguments": '{"a": 6, "b": 7}'}],
}
GIVEN = {"role": "tool", "content": "42", "tool_call_id": "1", "name": "multiply"}
