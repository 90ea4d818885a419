#!/bin/sh
# Stands for Claude Code: prints what its pages say it prints, as the model's name wants it, and
# writes down in its home what it was given.
#   https://code.claude.com/docs/en/headless
#   https://code.claude.com/docs/en/agent-sdk/typescript (the messages)
#   https://code.claude.com/docs/en/errors
set -u
format=text
model=
for argument in "$@"; do
    printf '%s\0' "$argument"
    case $argument in
        --output-format=*) format=${argument#*=} ;;
        --model=*) model=${argument#*=} ;;
    esac
done >"$HOME/arguments"
cat "/proc/$$/environ" >"$HOME/environment"
{ pwd && ls -A; } >"$HOME/folder"

COUNTS='"usage":{"input_tokens":12,"cache_creation_input_tokens":100,"cache_read_input_tokens":2000,"output_tokens":5}'
IDS='"session_id":"session-1","uuid":"u-1"'

# A message of a stream, which alone prints any before the result.
message() {
    if [ "$format" = stream-json ]; then printf '%s\n' "$1"; fi
}

event() {
    message "{\"type\":\"stream_event\",\"event\":$1,\"parent_tool_use_id\":null,$IDS}"
}

begin() {
    message "{\"type\":\"system\",\"subtype\":\"init\",\"model\":\"claude-sonnet-5-5\",\"tools\":[],\"mcp_servers\":[],$IDS}"
    event '{"type":"message_start","message":{"id":"msg_1","role":"assistant","content":[]}}'
}

text() {
    event "{\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"text_delta\",\"text\":\"$1\"}}"
}

answer() {
    begin
    event '{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}'
    event '{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Let me think."}}'
    event '{"type":"content_block_stop","index":0}'
    event '{"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}'
    text 'Hello, '
    text 'wörld 🦀!'
    event '{"type":"content_block_stop","index":1}'
    event '{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":5}}'
    event '{"type":"message_stop"}'
    message "{\"type\":\"assistant\",\"message\":{\"id\":\"msg_1\",\"content\":[{\"type\":\"text\",\"text\":\"Hello, wörld 🦀!\"}]},\"parent_tool_use_id\":null,$IDS}"
    printf '%s\n' "{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":false,\"duration_ms\":9,\"duration_api_ms\":8,\"num_turns\":1,\"result\":\"Hello, wörld 🦀!\",\"stop_reason\":\"end_turn\",\"total_cost_usd\":0.0123,$COUNTS,\"modelUsage\":{\"claude-sonnet-5-5\":{}},\"permission_denials\":[],$IDS}"
}

# A run that fails says so in its result, and by its exit status.
failed() {
    message "{\"type\":\"system\",\"subtype\":\"init\",\"model\":\"claude-sonnet-5-5\",$IDS}"
    message "{\"type\":\"assistant\",\"message\":{\"model\":\"<synthetic>\",\"content\":[{\"type\":\"text\",\"text\":\"$2\"}]},\"error\":\"$1\",\"parent_tool_use_id\":null,$IDS}"
    printf '%s\n' "{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":true,\"api_error_status\":$3,\"num_turns\":1,\"result\":\"$2\",\"total_cost_usd\":0,$COUNTS,$IDS}"
    exit 1
}

case $model in
    # Who prints without end, or ends without reading.
    flood) while :; do printf '%065536d' 0; done ;;
    complain) while :; do printf '%065536d' 0 >&2; done ;;
    deaf) answer && exit ;;
esac
cat >"$HOME/stdin"
case $model in
    login) failed authentication_failed 'Not logged in · Please run /login' null ;;
    limit)
        message "{\"type\":\"rate_limit_event\",\"rate_limit_info\":{\"status\":\"rejected\",\"resetsAt\":4102444800},$IDS}"
        failed rate_limit 'Claude AI usage limit reached|4102444800' 429
        ;;
    overloaded) failed overloaded 'API Error: Repeated 529 Overloaded errors' 529 ;;
    context) failed invalid_request 'Prompt is too long' 400 ;;
    turns)
        printf '%s\n' "{\"type\":\"result\",\"subtype\":\"error_max_turns\",\"is_error\":true,\"num_turns\":1,\"errors\":[\"Reached maximum number of turns (1)\"],$IDS}"
        exit 1
        ;;
    broken) echo "env: node: no such file; token $CLAUDE_CODE_OAUTH_TOKEN" >&2 && exit 127 ;;
    killed) kill -KILL $$ ;;
    silent) ;;
    garbage) echo 'Segmentation fault' ;;
    midway)
        begin && text Hel
        echo "lost $CLAUDE_CODE_OAUTH_TOKEN" >&2
        exit 3
        ;;
    hold)
        # The pipe that it was told of is held by what it starts as well.
        exec 3>"$(cat "$HOME/stdin")"
        sleep 1000 &
        echo $$ >&3
        begin && text Hel
        wait
        ;;
    *) answer ;;
esac
