#!/bin/sh
# Connects a flow server, runs one of its flows, and follows the task, with curl alone. Node reads fields of the answers.
set -eu
API="${SPARK_API_URL:-http://localhost:8883}/api/v1"
FLOW=$1

spark() { curl --silent --show-error --fail-with-body --header "X-API-Key: $SPARK_API_KEY" --header 'Content-Type: application/json' "$@"; }
field() { node --print "JSON.parse(require('fs').readFileSync(0, 'utf8')).$1"; }

KNOWN=$(spark "$API/sources?limit=100" | field "items.some(({ url }) => url === '$LANGFLOW_URL')")
if [ "$KNOWN" = false ]; then
  spark "$API/sources" --data '{"url": "'"$LANGFLOW_URL"'", "api_key": "'"$LANGFLOW_API_KEY"'"}' > /dev/null
fi
WORKFLOW=$(spark --request POST "$API/workflows/sync/$FLOW" | field id)

# Answers at once with a task that is pending. Without wait=false the answer comes when the task is finished.
TASK=$(spark "$API/workflows/$WORKFLOW/run?wait=false" --data '"Hello"' | field id)
until [ "$(spark "$API/tasks/$TASK" | field finished_at)" != null ]; do sleep 1; done

spark "$API/tasks/$TASK" | field output_data.result
spark "$API/tasks/$TASK/logs" | field 'items.map(({ type }) => type).join(", ")'
