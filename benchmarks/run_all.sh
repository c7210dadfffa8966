#!/usr/bin/env bash
# Every benchmark, one after the other; figures go to benchmarks/results/*.json, what is printed to benchmarks/results/*.txt.
# Usage: benchmarks/run_all.sh [--data FOLDER] [--weights FOLDER] [--quick N]
set -euo pipefail
cd "$(dirname "$0")/.."
python="${PYTHON:-.venv/bin/python}"
log=benchmarks/results
for option in "$@"; do
  if [ "$option" = --quick ]; then log=runs; fi
done
mkdir -p "$log"
failed=()
for name in guard_quality cascade guard_encodings guard_long guard_stream policy_new_rules guard_speed evaluate_speed \
  ledger graders redteam_engine redteam_attacks; do
  echo "== $name"
  "$python" "benchmarks/$name.py" "$@" | tee "$log/$name.txt" || failed+=("$name")
done
if [ ${#failed[@]} -gt 0 ]; then
  echo "failed: ${failed[*]}" >&2
  exit 1
fi
